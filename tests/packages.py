"""hostd as it is published: the wheel, and the archive of sources."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def build_wheel(folder: Path, sources: Path = ROOT) -> Path:
    """Build the wheel of *sources*, a folder or an archive, with the locked tools of this environment; return where it is."""
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder))
    _run("-m", "pip", "wheel", *options, str(sources))
    (wheel,) = folder.glob("*.whl")
    return wheel


def build_sources(folder: Path) -> Path:
    """Pack the archive of sources; return where it is."""
    _run("-m", "hatchling", "build", "--target", "sdist", "--directory", str(folder))
    (archive,) = folder.glob("*.tar.gz")
    return archive


def _run(*words: str) -> None:
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr
