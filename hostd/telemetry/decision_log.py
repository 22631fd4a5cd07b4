"""One structured line per decision, on standard error. Prompts, answers and keys never come here."""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any, TextIO

import structlog

from hostd.scheduling.effects import Effect, Explain

_LEVELS = {"refusal": "warning", "fallback": "warning", "engine_broke": "error"}
_NUMBERS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_BUNDLE = 0.05
"""Seconds. A write of its own for each line is a tenth of what it takes to serve a request."""


def configure(*, style: str = "auto", level: str = "info", stream: TextIO = sys.stderr) -> "DecisionLog":
    """Set up logging for the whole process, and return the journal that goes with it.

    *style* is ``json`` (one object a line), ``text`` (for people), or ``auto``: text on a terminal, JSON elsewhere.
    """
    text = stream.isatty() if style == "auto" else style == "text"
    lines = JsonLineWriter(stream, level)
    structlog.configure(
        processors=_for_people(colours=stream.isatty())
        if text
        else [structlog.processors.format_exc_info, lines.render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=stream) if text else lines.logger,
        cache_logger_on_first_use=True,
    )
    return DecisionLog() if text else DecisionLog(lines.write)


def _for_people(*, colours: bool) -> list[structlog.typing.Processor]:
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
        _printable,
        structlog.dev.ConsoleRenderer(colors=colours),
    ]


def _printable(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Escape control characters: engines and clients must not be able to forge lines or drive a terminal."""
    for key, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[key] = value.encode("unicode_escape", "backslashreplace").decode("ascii")
    return event


class JsonLineWriter:
    """Writes events as JSON, one object a line, time first. There is one for each request, so its cost counts.

    Lines of the level info are written together, `_BUNDLE` seconds after the first of them; any other is written at once,
    and those before it. JSON itself escapes control characters.
    """

    def __init__(self, stream: TextIO, level: str = "info") -> None:
        self._stream = stream
        self._least = logging.getLevelNamesMapping()[level.upper()]
        self._encode = json.JSONEncoder(default=str).encode
        self._second = 0
        self._text = ""
        self._held: list[str] = []

    def write(self, level: str, event: MutableMapping[str, Any]) -> None:
        """Write *event*, soon where it is of the level info, else at once."""
        if _NUMBERS[level] < self._least:
            return
        self._held.append(self.render(None, level, event))
        if level != "info":
            self.flush()
        elif len(self._held) == 1:
            try:
                asyncio.get_running_loop().call_later(_BUNDLE, self.flush)
            except RuntimeError:  # nothing runs that could write it later
                self.flush()

    def flush(self) -> None:
        """Write what is held."""
        held, self._held = self._held, []
        if held:
            self._stream.write("\n".join(held) + "\n")
            self._stream.flush()

    def render(self, _logger: object, level: str, event: MutableMapping[str, Any]) -> str:
        """Return *event* as a line."""
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second, self._text = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        stamp = f"{self._text}.{int((now - second) * 1000):03d}Z"
        return self._encode({"timestamp": stamp, "level": level, "event": event.pop("event"), **event})

    def logger(self, *_: object) -> "_Through":
        """Return what structlog writes its lines to."""
        return _Through(self)

    def at_once(self, line: str) -> None:
        """Write a line that is rendered already, after what is held."""
        self._held.append(line)
        self.flush()


class _Through:
    """A structlog logger whose lines go where the journal's do, in their order."""

    def __init__(self, lines: JsonLineWriter) -> None:
        self.debug = self.info = self.warning = self.error = self.critical = self.msg = lines.at_once


class DecisionLog:
    """Writes the desk's decisions down; *write* takes a level and an event."""

    def __init__(self, write: Callable[[str, MutableMapping[str, Any]], None] | None = None) -> None:
        self._write = write or _through_structlog

    def observe(self, effect: Effect) -> None:
        """Write down an `Explain` effect; nothing else is a decision."""
        if isinstance(effect, Explain):
            event = {"event": effect.decision, "model": effect.model}
            if effect.ticket_id is not None:
                event["request"] = effect.ticket_id
            try:
                self._write(_LEVELS.get(effect.decision, "info"), {**event, **effect.numbers})
            except (OSError, ValueError):
                # A full disk or a closed terminal costs us the line; it must not cost anybody the decision.
                return


def _through_structlog(level: str, event: MutableMapping[str, Any]) -> None:
    getattr(structlog.get_logger(), level)(**event)
