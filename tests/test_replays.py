"""``scripts/replays``: the table that hostd's policy is judged by."""

import subprocess
import sys
from pathlib import Path

import pytest

REPLAYS = Path(__file__).parent.parent / "scripts/replays"


@pytest.mark.slow
@pytest.mark.parametrize("trace", ["azure-2023", "bursts"])
def test_no_policy_of_another_program_misses_fewer_requests_on_a_small_card(trace: str) -> None:
    """On a public trace, where one pair of models takes turns, and on a made-up one; it would be bold, and end it with 1."""
    told = subprocess.run(
        [sys.executable, str(REPLAYS), "--host", "rtx3060-12g", "--trace", trace],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "") == (told.returncode, told.stderr)
    (row,) = [line for line in told.stdout.splitlines() if line.startswith(f"| {trace} |")]
    assert 8 == row.count("|")
    assert "**" not in row
