"""The folder of what must outlive the daemon: the service manager's choice, else the user's own state folder."""

import os
from pathlib import Path

import platformdirs


def state_directory() -> Path:
    """Return the folder; it need not exist yet."""
    given = os.environ.get("STATE_DIRECTORY")
    return Path(given.split(":")[0]) if given else platformdirs.user_state_path("hostd")


def measurements_file() -> Path:
    """Return the file with the memory that loads on this machine took."""
    return state_directory() / "measurements.jsonl"


def builds_file() -> Path:
    """Return the file with the build that the installed llama.cpp told."""
    return state_directory() / "build.json"


def owner_key_file() -> Path:
    """Return where a running daemon leaves the key with which the verbs of its own user reach it."""
    return state_directory() / "owner_key.json"


def responses_file() -> Path:
    """Return where responses are kept, if the owner wants that."""
    return state_directory() / "responses.sqlite"


def saved_conversations_folder() -> Path:
    """Return where engines keep what they have read of conversations, if the owner wants that."""
    return state_directory() / "kv"


def launch_folder(agent: str) -> Path:
    """Return where the files of an agent's printed launch go: below the user's own cache, where nobody else can put any."""
    return platformdirs.user_cache_path("hostd") / "launch" / agent


def host_id_file() -> Path:
    """Return where this host keeps the name that it has among those that share state with it."""
    return state_directory() / "host_id"


def records_file() -> Path:
    """Return the database of requests and loads."""
    return state_directory() / "ledger.sqlite"
