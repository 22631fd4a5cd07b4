"""Lines for systemd's journal begin with their priority; all others do not."""

import os
from pathlib import Path

import pytest

from hostd.telemetry.decision_log import configure
from hostd.telemetry.journal_priority import is_journal, with_priority


def test_the_journal_is_known_by_its_device_and_inode(tmp_path: Path) -> None:
    """The variable alone says nothing: programs inherit it whose output goes elsewhere."""
    with (tmp_path / "log").open("w") as stream:
        about = os.fstat(stream.fileno())
        assert is_journal(stream, {"JOURNAL_STREAM": f"{about.st_dev}:{about.st_ino}"})
        assert not is_journal(stream, {"JOURNAL_STREAM": f"{about.st_dev}:{about.st_ino + 1}"})
        assert not is_journal(stream, {})
    assert not is_journal(stream, {"JOURNAL_STREAM": "1:1"})


@pytest.mark.parametrize(
    ("level", "priority"), [("debug", 7), ("info", 6), ("warning", 4), ("error", 3), ("critical", 2)]
)
def test_each_line_has_the_priority_of_its_level(level: str, priority: int) -> None:
    """Of a text of several lines each has one: the journal keeps lines, not texts."""
    assert f"<{priority}>one\n<{priority}>two" == with_priority(None, level, "one\ntwo")


def test_the_log_has_priorities_in_the_journal_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The prefix stands in front of the JSON, and the journal takes it off."""
    import structlog  # noqa: PLC0415 - configured anew here

    with (tmp_path / "log").open("w") as stream:
        about = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{about.st_dev}:{about.st_ino}")
        configure(stream=stream)
        try:
            structlog.get_logger().warning("careful")
        finally:
            structlog.reset_defaults()
    assert (tmp_path / "log").read_text().startswith('<4>{"timestamp"')
