"""Signs of NVIDIA cards and of their driver."""

from pathlib import Path

import pytest

from hostd.hardware import nvidia_signs
from hostd.hardware.nvidia_signs import card_on_bus, driver_installed, on_windows
from tests.hardware.fake_driver import FakeDriver


def test_sees_a_card_without_its_driver(tmp_path: Path) -> None:
    """The PCI vendor id is enough; without a bus there is no card."""
    assert not card_on_bus(tmp_path / "none")
    for name, vendor in (("0000:00:02.0", "0x8086"), ("0000:01:00.0", "0x10de")):
        assert not card_on_bus(tmp_path)
        (tmp_path / name).mkdir()
        (tmp_path / name / "vendor").write_text(vendor + "\n", "ascii")
    assert card_on_bus(tmp_path)


def test_a_driver_is_there_if_it_can_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dynamic loader decides."""
    monkeypatch.setattr(nvidia_signs, "LIBRARY", "libno-such-driver.so.1")
    assert not driver_installed()
    monkeypatch.setattr(nvidia_signs, "LIBRARY", None)
    assert driver_installed()


def test_windows_has_a_place_of_its_own_for_the_library(driver: FakeDriver, tmp_path: Path) -> None:
    """Where the loader does not look, the path that Windows uses is tried; then `pynvml` finds the library by its name."""
    elsewhere = FakeDriver(str(tmp_path), driver.scratch)
    script = """
from hostd.hardware.nvidia_signs import driver_installed
import pynvml, os
from pathlib import Path
Path(os.environ["FAKE_NVML"]).write_text("driver 1\\ncuda 13000\\n")
before, found = driver_installed(()), driver_installed(given)
pynvml.nvmlInit()
answer = before, found, pynvml.nvmlDeviceGetCount()
"""
    assert (False, True, 0) == elsewhere.run(script, f"{driver.folder}/libnvidia-ml.so.1")


def test_windows_is_known_by_its_kernel() -> None:
    """It is Microsoft's."""
    assert on_windows("5.15.153.1-microsoft-standard-WSL2")
    assert not on_windows("6.12.74+deb13-amd64")
