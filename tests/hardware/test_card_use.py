"""How much cards are at work is read where a driver tells it."""

import os
import sys
from pathlib import Path

import pytest

from hostd.hardware.card_use import card_use, of_ioreg

IOREG = """+-o AGXAcceleratorG13X  <class AGXAcceleratorG13X, id 0x100000459, registered, matched, active>
    {
      "PerformanceStatistics" = {"In use system memory"=901234688,"Tiler Utilization %"=3,"Device Utilization %"=87}
      "model" = "Apple M1 Pro"
    }
"""


def test_a_mac_s_card_is_read() -> None:
    """From what the registry tells of the accelerator; other words tell nothing."""
    assert 0.87 == of_ioreg(IOREG)
    assert of_ioreg("") is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads sysfs")
def test_amd_cards_are_read(tmp_path: Path) -> None:
    """The busiest counts; a file that says nothing does not."""
    for number, said in enumerate(("12\n", "63\n", "what\n")):
        file = tmp_path / f"card{number}" / "device" / "gpu_busy_percent"
        file.parent.mkdir(parents=True)
        file.write_text(said)
    found = card_use((os.getpid(),), tmp_path)
    assert found is not None
    assert found >= 0.63


@pytest.mark.skipif(sys.platform != "linux", reason="reads sysfs")
def test_without_cards_nothing_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is not the same as a card at rest."""
    monkeypatch.setattr("hostd.hardware.card_use.card_on_bus", lambda: False)
    assert card_use((os.getpid(),), tmp_path) is None
