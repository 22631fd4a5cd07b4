"""The program that asks Metal."""

import subprocess
import sys

import pytest

from hostd.hardware.apple import METAL_QUERY


@pytest.mark.skipif(sys.platform == "darwin", reason="here Metal is not there to be asked")
def test_elsewhere_it_prints_nothing() -> None:
    """It says why on stderr, fails, and gives no number that could be believed."""
    done = subprocess.run(METAL_QUERY, capture_output=True, text=True, check=False, timeout=30)
    assert (1, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("Metal cannot be asked here: ")


@pytest.mark.skipif(sys.platform != "darwin", reason="needs macOS")
def test_on_a_mac_it_prints_bytes() -> None:
    """One whole number."""
    done = subprocess.run(METAL_QUERY, capture_output=True, text=True, check=True, timeout=30)
    assert int(done.stdout) >= 0
