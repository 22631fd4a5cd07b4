"""The progress of a download."""

import subprocess
import sys

import pytest

from hostd.cli.progress import BETWEEN_LINES, Lines, fetching
from tests.cli.terminal import DEADLINE, Terminal

MIB = 2**20
DRAW = """
import sys
from hostd.cli.progress import fetching
with fetching("hf:owner/m", 100 * 2**20) as watch:
    watch.moved(25 * 2**20)
    watch.told("the line broke")
    sys.stdin.readline()
"""


def test_without_a_terminal_a_line_comes_every_few_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    """With how much is here, how fast the rest comes, and how long that will take."""
    now = 0.0
    lines = Lines("hf:owner/m", 100 * MIB, lambda: now)
    for _ in range(20):
        now += BETWEEN_LINES / 10
        lines.moved(MIB)
    lines.moved(-20 * MIB)
    now += BETWEEN_LINES
    lines.moved(0)
    assert [
        "hostd: hf:owner/m: 10.0 MiB of 100 MiB, 2.0 MiB/s, 45 s left",
        "hostd: hf:owner/m: 20.0 MiB of 100 MiB, 2.0 MiB/s, 40 s left",
        "hostd: hf:owner/m: 0 B of 100 MiB, 0 B/s",
    ] == capsys.readouterr().err.splitlines()


def test_a_quick_download_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Only what went wrong meanwhile."""
    with fetching("hf:owner/m", 100) as timeouts:
        timeouts.moved(100)
        timeouts.told("the line broke")
    assert ("", "hostd: the line broke\n") == capsys.readouterr()


def test_a_terminal_sees_a_bar() -> None:
    """With bytes, and sentences above it."""
    with Terminal() as terminal:
        child = subprocess.Popen(
            [sys.executable, "-c", DRAW], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=terminal.end, text=True
        )
        try:
            terminal.wait_for("hostd: the line broke")
            terminal.wait_for("25.0/100.0 MiB")
            assert "" == child.communicate("\n", timeout=DEADLINE)[0]
        finally:
            child.kill()
            child.wait()
    assert 0 == child.returncode
