"""One structured line per decision, on standard error. Prompts, answers and keys never come here."""

import json
import logging
import sys
import time
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from hostd.scheduling.effects import Effect, Explain

_LEVELS = {"refusal": "warning", "fallback": "warning", "engine_broke": "error"}


def configure(*, style: str = "auto", level: str = "info", stream: TextIO = sys.stderr) -> None:
    """Set up logging for the whole process.

    *style* is ``json`` (one object a line), ``text`` (for people), or ``auto``: text on a terminal, JSON elsewhere.
    """
    text = stream.isatty() if style == "auto" else style == "text"
    structlog.configure(
        processors=_for_people(colours=stream.isatty()) if text else [structlog.processors.format_exc_info, _Line()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )


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


class _Line:
    """Renders an event as one JSON object, time first. There is one for each request, so its cost counts.

    JSON itself escapes control characters.
    """

    def __init__(self) -> None:
        self._encode = json.JSONEncoder(default=str).encode
        self._second = 0
        self._text = ""

    def __call__(self, _logger: object, method: str, event: MutableMapping[str, Any]) -> str:
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second, self._text = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        stamp = f"{self._text}.{int((now - second) * 1000):03d}Z"
        return self._encode({"timestamp": stamp, "level": method, "event": event.pop("event"), **event})


class Journal:
    """Writes the desk's decisions down."""

    def __init__(self) -> None:
        log = structlog.get_logger().bind()
        # Looked up once: there is a line for each request.
        self._write = {level: getattr(log, level) for level in ("info", "warning", "error")}

    def observe(self, effect: Effect) -> None:
        """Write down an `Explain` effect; nothing else is a decision."""
        if isinstance(effect, Explain):
            write = self._write[_LEVELS.get(effect.decision, "info")]
            if effect.ticket_id is None:
                write(effect.decision, model=effect.model, **effect.numbers)
            else:
                write(effect.decision, model=effect.model, request=effect.ticket_id, **effect.numbers)
