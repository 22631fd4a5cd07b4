"""The check of NVIDIA's driver, with what machines have said."""

from pathlib import Path

import pytest

from hostd.doctor.checks.driver import DriverFacts, check, judge
from hostd.hardware import nvml
from tests.doctor.machine import machine, only, said
from tests.hardware.fake_driver import FakeDriver, build

# nvidia-smi: "Failed to initialize NVML: Driver/library version mismatch"; the kernel's log: "API mismatch: the client has the
# version 580.95.05, but this kernel module has the version 575.64.03".
UPDATED = DriverFacts(True, "575.64.03", "580.95.05", has_library=True, fault=nvml.VERSION_MISMATCH, why="differ")


def test_an_update_without_a_restart() -> None:
    """Both versions are named, and a restart is the remedy."""
    found = only(judge(UPDATED))
    assert ("fail", "sudo reboot") == (found.status, found.remedy)
    assert found.what.endswith("(580.95.05 and 575.64.03)")


def test_a_mismatch_of_which_the_versions_are_not_known() -> None:
    """NVML's word is enough."""
    facts = DriverFacts(True, has_library=True, fault=nvml.VERSION_MISMATCH, why="differ")
    assert ("fail", "sudo reboot") == said(judge(facts))


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        pytest.param(DriverFacts(), "skipped", id="nothing of NVIDIA's"),
        pytest.param(DriverFacts(has_library=True, fault=9, why="not loaded"), "skipped", id="a library alone"),
        pytest.param(DriverFacts(card_on_bus=True), "warn", id="a card without driver"),
        pytest.param(DriverFacts(True, has_library=True, fault=9, why="not loaded"), "fail", id="not loaded"),
        pytest.param(
            DriverFacts(True, "580.1", "580.1", has_library=True, fault=4, why="no"), "fail", id="no permission"
        ),
        pytest.param(DriverFacts(True, "580.1", "580.1", has_library=True), "warn", id="no card"),
        pytest.param(DriverFacts(True, "580.1", "580.1", has_library=True, cards=2), "ok", id="two cards"),
        pytest.param(DriverFacts(has_library=True, cards=1), "ok", id="WSL2, whose kernel has no module"),
    ],
)
def test_other_machines(facts: DriverFacts, status: str) -> None:
    """Every bad one says why, and what to do."""
    assert status == only(judge(facts)).status


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a driver library."""
    return build(tmp_path_factory.mktemp("driver"))


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("", ("ok", "")),
        ("fail nvmlInitWithFlags 18\n", ("fail", "sudo reboot")),
        ("fail nvmlDeviceGetCount 18\n", ("fail", "sudo reboot")),
    ],
    ids=["works", "at its start", "later"],
)
def test_the_driver_is_really_asked(library: str, tmp_path: Path, fault: str, expected: tuple[str, str]) -> None:
    """Through the loader and NVML, in a process of its own."""
    script = """
from tests.doctor.machine import machine, said
from hostd.doctor.checks.driver import check
answer = said(check(machine(given[0])))
"""
    driver = FakeDriver(library, tmp_path / "gpus.txt")
    card = "gpu NVIDIA GeForce RTX 4090;GPU-1111;00000000:01:00.0;24564;364;1024;8.9"
    driver.scratch.write_text(f"driver 580.95.05\ncuda 13000\n{card}\n{fault}")
    assert expected == driver.run(script, tmp_path)


def test_a_mac_has_none(tmp_path: Path) -> None:
    """Nothing is asked there."""
    assert "skipped" == only(check(machine(tmp_path, platform="darwin"))).status
