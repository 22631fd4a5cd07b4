"""Short files in which the kernel tells of the machine."""

from pathlib import Path


def text_of(path: Path) -> str:
    """Return what the file at *path* says, without blanks around it; an empty text where it cannot be read."""
    try:
        return path.read_text("utf-8", errors="replace").strip()
    except OSError:
        return ""
