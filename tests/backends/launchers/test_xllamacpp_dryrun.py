"""The launcher that loads nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from hostd.backends.llamacpp.build import LAUNCHER

SCRIPT = LAUNCHER.with_name("xllamacpp_dryrun.py")


def test_a_bad_flag_is_refused_with_the_servers_words() -> None:
    """Both launchers understand the same command line."""
    done = subprocess.run(
        [sys.executable, "-P", str(SCRIPT), "--no-such-flag"], capture_output=True, text=True, check=False
    )
    assert 1 == done.returncode
    assert "invalid argument: --no-such-flag" in done.stderr


def test_a_file_that_is_no_model_ends_it(tmp_path: Path) -> None:
    """There is nothing to rehearse."""
    pytest.importorskip("xllamacpp")
    path = tmp_path / "bad.gguf"
    path.write_bytes(b"GGUF nonsense")
    done = subprocess.run(
        [sys.executable, "-P", str(SCRIPT), "-m", str(path), "--host", "127.0.0.1", "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert 1 == done.returncode
    assert "there was no dry run" in done.stderr
