"""The script as a user runs it."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "make-demo-models"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script with this Python and return what it said."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_help_needs_none_of_the_large_modules() -> None:
    """`--help` works without PyTorch."""
    done = run("--help")
    expected = (0, "")
    assert expected == (done.returncode, done.stderr)
    assert "--convert-only" in done.stdout


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    """Without a trained folder, or without the modules, one sentence says what is missing."""
    done = run("--convert-only", "--cache", str(tmp_path), "--out", str(tmp_path))
    expected = 1
    assert expected == done.returncode
    assert "Traceback" not in done.stderr
    assert str(tmp_path) in done.stderr or "pip install" in done.stderr
