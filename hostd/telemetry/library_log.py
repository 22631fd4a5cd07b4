"""What libraries log: each message is one event of hostd's log, without the requests, headers and values that it may quote."""

import logging
import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog

from hostd.telemetry.tracebacks import innermost_place

_QUIET_KINDS = ("aiohttp", "asyncio")
"""Loggers whose arguments quote what clients send: request lines, headers, the results of tasks. Their templates tell enough."""
_LEVELS = (logging.NOTSET, logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)
_LONGEST = 300
_WINDOW = 60.0
"""Seconds within which at most `_MOST_OF_A_KIND` messages of one kind and `_MOST_OF_A_LOGGER` of one logger are written."""
_MOST_OF_A_KIND = 3
_MOST_OF_A_LOGGER = 20
_PLACEHOLDER = re.compile(r"%(\(\w+\))?[-#0 +]*\d*(\.\d+)?[a-zA-Z]")
_SECRET = re.compile(r"(?i)\b(authorization|bearer|cookie|api[-_]?key|token)\b.*|\b(sk|hf)[-_]\S+|(?<=\?)\S+")


class LibraryLog(logging.Handler):
    """Passes the records of libraries on to hostd's log; what comes too often is counted, and told with the next of its kind."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.WARNING)
        self._clock = clock
        self._log = structlog.get_logger()
        self._began = clock()
        self._written: dict[tuple[str, str], int] = {}
        self._left_out: dict[str, int] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Log *record* as one event, unless its logger has said as much too often."""
        # A record whose arguments do not fit its text must not fail whoever logged it.
        with suppress(Exception):
            self._emit(record)

    def _emit(self, record: logging.LogRecord) -> None:
        if not self._is_due(record.name, str(record.msg)[:100]):
            self._left_out[record.name] = self._left_out.get(record.name, 0) + 1
            return
        about: dict[str, Any] = {"logger": record.name, "message": _words(record)}
        if record.exc_info and (error := record.exc_info[1]) is not None:
            # An exception's own words may quote what it met.
            about |= {"error": type(error).__name__, "at": innermost_place(error)}
        if left_out := self._left_out.pop(record.name, 0):
            about["left_out"] = left_out
        self._log.log(max(level for level in _LEVELS if level <= record.levelno), "library_message", **about)

    def _is_due(self, logger: str, kind: str) -> bool:
        if self._clock() - self._began >= _WINDOW:
            self._began = self._clock()
            self._written.clear()
        of_kind, of_logger = self._written.get((logger, kind), 0), self._written.get((logger, ""), 0)
        if of_kind >= _MOST_OF_A_KIND or of_logger >= _MOST_OF_A_LOGGER:
            return False
        self._written[logger, kind] = of_kind + 1
        self._written[logger, ""] = of_logger + 1
        return True


def take_in_libraries() -> None:
    """Send what libraries log, and Python's warnings, to hostd's log instead of straight to standard error."""
    logging.captureWarnings(capture=True)
    logging.getLogger().handlers[:] = [LibraryLog()]


def _words(record: logging.LogRecord) -> str:
    if record.name.partition(".")[0] in _QUIET_KINDS:
        return _PLACEHOLDER.sub("...", str(record.msg).partition("\n")[0])[:_LONGEST]
    return _SECRET.sub("...", record.getMessage())[:_LONGEST]
