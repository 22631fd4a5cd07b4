"""The measurement of pauses as a user runs it, briefly."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench-pauses"


@pytest.mark.slow
def test_tells_the_worst_pause_of_each_body() -> None:
    """A row for each body that was named, and the status by the limit."""
    argv = [sys.executable, str(SCRIPT), "64 kB", "name of 1 MB"]
    done = subprocess.run([*argv, "--limit", "60000"], capture_output=True, text=True, timeout=100, check=False)
    assert 0 == done.returncode, done.stderr
    assert re.search(r"conversation of 64 kB +200 .*\nname of 1 MB +404 .*\nworst pause \d", done.stdout)
    tight = subprocess.run([*argv[:3], "--limit", "0"], capture_output=True, text=True, timeout=100, check=False)
    assert 1 == tight.returncode
