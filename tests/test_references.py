"""What documents take from the code is up to date."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_generated_parts_are_up_to_date() -> None:
    """The lifecycle's picture, the references and the table of clients are what the code and the results say."""
    run = subprocess.run(
        (sys.executable, "-m", "references", "--check"),
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'scripts'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "") == (run.returncode, run.stderr)
