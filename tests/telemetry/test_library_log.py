"""What libraries log is one event each, quotes no request, and never floods the log."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from structlog.testing import LogCapture

from hostd.telemetry.library_log import LibraryLog


@pytest.fixture
def events() -> Iterator[LogCapture]:
    """Collect the events of hostd's log."""
    capture = LogCapture()
    structlog.configure(processors=[capture], cache_logger_on_first_use=False)
    yield capture
    structlog.reset_defaults()


def record(name: str, text: str, *args: object, error: BaseException | None = None) -> logging.LogRecord:
    """Return what a library logs."""
    about = None if error is None else (type(error), error, error.__traceback__)
    return logging.LogRecord(name, logging.ERROR, "x.py", 1, text, args, about)


def test_quotes_no_request_and_no_header(events: LogCapture) -> None:
    """Neither an argument, nor an exception's words, nor a header in the text."""
    handler, secret = LibraryLog(), "xyzzy"
    handler.emit(record("aiohttp.server", "Error handling request from %s", secret, error=ValueError(secret)))
    handler.emit(record("asyncio", f"Task exception was never retrieved\nfuture: <Task {secret}>"))
    handler.emit(record("huggingface_hub", f"sent Authorization: Bearer {secret}"))
    handler.emit(record("huggingface_hub", f"slow: https://h/x?sig={secret}"))
    said = [entry["message"] for entry in events.entries]
    assert "Error handling request from ..." == said[0]
    assert "Task exception was never retrieved" == said[1]
    assert "ValueError" == events.entries[0]["error"]
    assert secret not in json.dumps(events.entries)


def test_cuts_what_is_long(events: LogCapture) -> None:
    """One event stays one line that a person can read."""
    LibraryLog().emit(record("py.warnings", "%s", "x" * 5_000))
    assert len(events.entries[0]["message"]) == 300


def test_counts_what_comes_too_often(events: LogCapture) -> None:
    """The next one after a minute tells how many were left out, and other loggers are not held back."""
    now = [0.0]
    handler = LibraryLog(lambda: now[0])
    for number in range(100):
        handler.emit(record("aiohttp.server", "Error from %s", number))
    handler.emit(record("apscheduler", "missed"))
    assert 4 == len(events.entries)
    now[0] = 61.0
    handler.emit(record("aiohttp.server", "Error from %s", 1))
    assert 97 == events.entries[-1]["left_out"]


def test_kinds_without_end_are_held_back_too(events: LogCapture) -> None:
    """Some libraries put values into the text itself."""
    handler = LibraryLog(lambda: 0.0)
    for number in range(1_000):
        handler.emit(record("apscheduler", f"missed {number}"))
    assert 20 == len(events.entries)
