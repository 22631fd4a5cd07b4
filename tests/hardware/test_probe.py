"""The machine as it is now."""

from typing import Any

import psutil

from hostd.domain.host import Reserve
from hostd.hardware.apple import Mac
from hostd.hardware.probe import Sensors, probe
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
before = time.perf_counter()
host = probe.probe(Reserve())
answer = host, time.perf_counter() - before
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
    """Accelerators first, each with its reserve, in well under 200 ms where the driver is quick."""
    host, seconds = driver.run(PROBE, CARDS)
    assert ["cuda:0", "ram"] == [pool.id for pool in host.pools if not pool.id.startswith("rocm")]
    assert (8000 * 2**20 - GIB, ()) == (host.pools[0].budget, host.troubles)
    assert seconds < 0.2


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
