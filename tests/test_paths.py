"""hostd's own folder."""

from pathlib import Path

import pytest

from hostd.paths import measurements_file, records_file, state_directory


def test_keeps_its_state_where_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service manager's folder is taken, the first where it names several; else one of the user's own."""
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/hostd:/var/lib/other")
    assert Path("/var/lib/hostd") == state_directory()
    monkeypatch.delenv("STATE_DIRECTORY")
    assert "hostd" in state_directory().parts
    assert state_directory() == measurements_file().parent == records_file().parent
