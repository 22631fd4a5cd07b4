"""Tracebacks as the log shows them: where an exception came from, without the values of variables."""

import sys
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any

_LONGEST_LINE = 300
"""Characters: an exception's own words may quote what it met, and no line of code is as long."""
_MOST_LINES = 200
"""A recursion without end has a thousand frames."""

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def printable(text: str) -> str:
    """Escape control characters: engines and clients must not be able to forge lines or drive a terminal."""
    return text if text.isprintable() else text.encode("unicode_escape", "backslashreplace").decode("ascii")


def exception_as_text(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the ``exc_info`` of a log event by the text of its traceback, as ``exception``."""
    found = _exc_info(event.pop("exc_info", None))
    if found is not None:
        # Values of variables hold prompts and keys, so that they are not asked for.
        lines = "".join(traceback.format_exception(*found)).rstrip("\n").split("\n")
        if len(lines) > _MOST_LINES:
            half = _MOST_LINES // 2
            lines[half:-half] = [f"  ... {len(lines) - 2 * half} lines left out ..."]
        event["exception"] = "\n".join(printable(line)[:_LONGEST_LINE] for line in lines)
    return event


def innermost_place(error: BaseException) -> str | None:
    """Return where *error* was raised, as ``file.py:12``; None where it never was."""
    place = error.__traceback__
    if place is None:
        return None
    while place.tb_next is not None:
        place = place.tb_next
    return f"{place.tb_frame.f_code.co_filename.rpartition('/')[2]}:{place.tb_lineno}"


def _exc_info(given: object) -> ExcInfo | None:
    """Return what *given* stands for, in the forms in which `logging` takes it."""
    if isinstance(given, BaseException):
        return type(given), given, given.__traceback__
    found = given if isinstance(given, tuple) else sys.exc_info() if given else (None, None, None)
    kind, error, trace = found
    return None if kind is None or error is None else (kind, error, trace)
