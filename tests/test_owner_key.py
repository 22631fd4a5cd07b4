"""The key with which the verbs of a daemon's own user reach it."""

import stat
from pathlib import Path

import pytest

from hostd.owner_key import key_for, leave, left_for_owner
from hostd.paths import owner_key_file


def test_is_there_while_the_daemon_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R29: for its user and its addresses alone: another program that listens is not shown it."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    with left_for_owner("k", ["127.0.0.1:1"]):
        assert ("k", None) == (key_for(["127.0.0.1:1"]), key_for(["127.0.0.1:2"]))
        leave("k2", ["127.0.0.1:2"])
        assert (None, "k2") == (key_for(["127.0.0.1:1"]), key_for(["127.0.0.1:2"]))
        assert 0o600 == stat.S_IMODE(owner_key_file().stat().st_mode)
    assert key_for(["127.0.0.1:1"]) is key_for(["127.0.0.1:2"]) is None
