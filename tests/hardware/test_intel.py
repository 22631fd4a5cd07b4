"""Intel's graphics, by recorded trees of sysfs."""

from pathlib import Path

from hostd.hardware import intel
from hostd.hardware.reading import Reading


def put(sysfs: Path, card: str, bus: str, vendor: str) -> None:
    """Write one card as the kernel shows it: a link to its device."""
    device = sysfs / "devices" / bus
    device.mkdir(parents=True)
    (device / "vendor").write_text(f"{vendor}\n", "ascii")
    (sysfs / "class/drm" / card).mkdir(parents=True)
    (sysfs / "class/drm" / card / "device").symlink_to(device)


def test_intels_graphics_are_known_to_be_there(tmp_path: Path) -> None:
    """A card and a processor's own graphics have no pool, and are named; connectors and other makers' cards are not."""
    put(tmp_path, "card0", "0000:00:02.0", "0x8086")
    put(tmp_path, "card1", "0000:03:00.0", "0x8086")
    put(tmp_path, "card2", "0000:04:00.0", "0x1002")
    (tmp_path / "class/drm/card0-DP-1").mkdir()
    reading = intel.read(tmp_path)
    assert ("the Intel graphics at 0000:00:02.0", "the Intel graphics at 0000:03:00.0") == reading.unmeasured
    assert ((), (), 2) == (reading.pools, reading.troubles, len(reading.absences))


def test_a_machine_without_graphics(tmp_path: Path) -> None:
    """Nothing is said."""
    assert Reading() == intel.read(tmp_path)
