"""The machine as it is now."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from hostd.domain.host import Pool, PoolKind, Reserve
from hostd.hardware import amd, intel, jetson, nvidia_signs
from hostd.hardware import probe as module
from hostd.hardware.apple import Mac
from hostd.hardware.probe import Sensors, probe
from hostd.hardware.reading import Reading
from tests.hardware.fake_driver import FakeDriver
from tests.hardware.macs import Recorded, sysctl

GIB = 2**30
CARDS = "driver 1\ncuda 13000\ngpu A;GPU-1;00000000:01:00.0;8000;0;0;8.9\n"
PROBE = """
import os, time
from pathlib import Path
from hostd.domain.host import Reserve
from hostd.hardware import probe
Path(os.environ["FAKE_NVML"]).write_text(given[0])
before = time.process_time()
host = probe.probe(Reserve())
answer = host, time.process_time() - before
"""


def broken(*_: object) -> Any:
    """Fail with an error of no expected kind."""
    raise RuntimeError("out of ideas")


def test_this_machine() -> None:
    """Main memory is there whatever else is; the reserve is the owner's."""
    host = probe(Reserve(ram=GIB, unified=GIB))
    pool = host.pool("ram") or host.pool("metal")
    assert pool is not None
    assert (psutil.virtual_memory().total, True) == (host.ram_bytes, pool.budget <= pool.total - GIB)


def test_cards_come_before_main_memory(driver: FakeDriver) -> None:
    """Accelerators first, each with its reserve, in well under 200 ms of a processor where the driver is quick."""
    host, seconds = driver.run(PROBE, CARDS)
    assert ["cuda:0", "ram"] == [pool.id for pool in host.pools if not pool.id.startswith("rocm")]
    assert (8000 * 2**20 - GIB, ()) == (host.pools[0].budget, host.troubles)
    assert seconds < 0.2


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A Linux without any card that tells its memory; what is patched further is undone after the test."""
    monkeypatch.setattr(nvidia_signs, "driver_installed", lambda: False)
    for source in (jetson, amd, intel):
        monkeypatch.setattr(source, "read", lambda *_, **__: Reading())
    return monkeypatch


def test_graphics_without_numbers_are_named(bare: pytest.MonkeyPatch) -> None:
    """They are no pool, and the host says that they are there."""
    bare.setattr(intel, "read", lambda: Reading(absences=("a sentence",), unmeasured=("graphics",)))
    host = Sensors("linux").read(Reserve())
    assert (["ram"], ("graphics",)) == ([pool.id for pool in host.pools], host.unmeasured)
    assert "a sentence" in host.absences


def test_what_is_absent_is_not_told_where_something_is_there(bare: pytest.MonkeyPatch) -> None:
    """An owner of another maker's card does not look for NVIDIA's driver; what failed is told."""
    pool = Pool("rocm:0", PoolKind.VRAM, "a card", GIB, GIB, GIB)
    bare.setattr(amd, "read", lambda *_, **__: Reading((pool,), ("a trouble",), ("about a card",)))
    bare.setattr(intel, "read", lambda: Reading(absences=("a sentence",), unmeasured=("graphics",)))
    host = Sensors("linux").read(Reserve())
    assert (("a trouble",), ("about a card",), ("graphics",)) == (host.troubles, host.absences, host.unmeasured)


@pytest.mark.parametrize(("shared", "named"), [(True, ("the cards of Windows",)), (False, ())])
def test_cards_of_windows_are_named(bare: pytest.MonkeyPatch, tmp_path: Path, shared: bool, named: tuple[str]) -> None:
    """Where Windows lends its Linux a card of which NVIDIA's driver knows nothing."""
    bare.setattr(nvidia_signs, "on_windows", lambda: True)
    bare.setattr(module, "WINDOWS_CARDS", tmp_path if shared else tmp_path / "none")
    assert named == Sensors("linux").read(Reserve()).unmeasured


def test_a_jetson_has_one_pool_beside_main_memory(bare: pytest.MonkeyPatch) -> None:
    """Its device tree says what the driver's library does not."""
    bare.setattr(jetson, "read", lambda shared: Reading((replace(shared(), id="cuda:0", kind=PoolKind.UNIFIED),)))
    host = Sensors("linux").read(Reserve())
    assert "cuda:0" == host.pools[0].id
    assert not [said for said in host.absences if "NVIDIA cards cannot" in said]


def test_a_missing_driver_is_told(no_driver: FakeDriver) -> None:
    """The rest of the machine is measured all the same."""
    host, _ = no_driver.run(PROBE, "")
    assert "ram" == host.pools[-1].id
    assert "NVIDIA cards cannot be measured" in (*host.troubles, *host.absences)[0]


def test_a_mac_has_one_pool() -> None:
    """Its memory is not promised twice."""
    host = Sensors("darwin", Mac(Recorded(sysctl("Apple M4", 16), "11453251584"))).read(Reserve())
    assert (["metal"], ()) == ([pool.id for pool in host.pools], host.troubles)


def test_a_mac_without_metal_has_main_memory() -> None:
    """Models can run on its processor."""
    host = Sensors("darwin", Mac(Recorded(sysctl("Apple M4", 16), ""))).read(Reserve())
    assert (["ram"], 1) == ([pool.id for pool in host.pools], len(host.troubles))


def test_a_source_that_breaks_harms_no_other() -> None:
    """An unexpected exception costs one source and is reported."""
    host = Sensors("darwin", Mac(broken)).read(Reserve())
    assert ["ram"] == [pool.id for pool in host.pools]
    assert ("Metal cannot be measured (RuntimeError: out of ideas); please report this",) == host.troubles


def test_reading_again_after_closing(driver: FakeDriver) -> None:
    """Closing lets go of the drivers, not of the right to ask."""
    script = """
import os
from pathlib import Path
from hostd.domain.host import Reserve
from hostd.hardware.probe import Sensors
Path(os.environ["FAKE_NVML"]).write_text(given[0])
sensors = Sensors()
sensors.close()
answer = []
for _ in range(2):
    answer.append(sensors.read(Reserve()).pools[0].id)
    sensors.close()
"""
    assert ["cuda:0", "cuda:0"] == driver.run(script, CARDS)
