"""Short files of the kernel are read whole, or not at all."""

from pathlib import Path

from hostd.hardware.system_file import text_of


def test_a_file_is_its_text(tmp_path: Path) -> None:
    """Without the end of its line, and whatever bytes are in it; a folder and a missing file say nothing."""
    (tmp_path / "vendor").write_bytes(b" 0x1002\xff\n")
    assert ("0x1002\ufffd", "", "") == tuple(
        text_of(path) for path in (tmp_path / "vendor", tmp_path, tmp_path / "gone")
    )
