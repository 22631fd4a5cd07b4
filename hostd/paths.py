"""Where hostd keeps what must outlive it: the service manager's choice, else the user's own folder."""

import os
from pathlib import Path

import platformdirs


def state_directory() -> Path:
    """Return the folder; it need not exist yet."""
    given = os.environ.get("STATE_DIRECTORY")
    return Path(given.split(":")[0]) if given else platformdirs.user_state_path("hostd")


def measurements_file() -> Path:
    """Return the file of what loads on this machine really took."""
    return state_directory() / "measurements.jsonl"


def records_file() -> Path:
    """Return the database of what was asked and loaded."""
    return state_directory() / "ledger.sqlite"
