"""Signs of NVIDIA cards and of their driver."""

from pathlib import Path

import pytest

from hostd.hardware import nvidia_signs
from hostd.hardware.nvidia_signs import card_on_bus, driver_installed


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
