"""One structured line per decision and per request, on standard error. Prompts, answers and keys are never among them."""

import logging
import os
import sys
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import Any, BinaryIO, TextIO, cast

import structlog

from hostd.scheduling.decisions import Charged, Decision, FellBack, Refused, RequestDecision, RequestSuspected, Routed
from hostd.scheduling.gateway_decisions import ContextFitted, LoopDetected
from hostd.scheduling.model_decisions import BreakerOpened, FailureHandled
from hostd.telemetry.decision_text import numbers
from hostd.telemetry.journal_entry import entry
from hostd.telemetry.journal_priority import is_journal, with_priority, with_priority_of
from hostd.telemetry.log_stream import LogStream
from hostd.telemetry.request_log import EVENT, RequestLines, about, level_of
from hostd.telemetry.sinks import RequestRecord, Sink
from hostd.telemetry.tracebacks import exception_as_text, printable

_FIRST = ("timestamp", "level", "event")
_OTHER_NAMES = {"level": "sleep_level"}


Output = LogStream | TextIO


def configure(
    *,
    style: str = "auto",
    level: str = "info",
    stream: TextIO = sys.stderr,
    output: Output | None = None,
    journal: LogStream | None = None,
) -> "DecisionLog":
    """Set up logging for the whole process, and return the sink that logs decisions.

    *style* is ``json`` (one object a line), ``text`` (for people), or ``auto``: text on a terminal, entries with fields where
    there is a *journal* to take them, JSON elsewhere. *output* takes the lines in place of *stream*, which then only says whether
    it is a terminal, or systemd's journal: that is told the priority of each line.
    """
    least = logging.getLevelNamesMapping()[level.upper()]
    if style == "auto" and journal is not None:
        _configure(
            least, [exception_as_text, entry], journal, structlog.BytesLoggerFactory(file=cast("BinaryIO", journal))
        )
        return DecisionLog(least)
    text = stream.isatty() if style == "auto" else style == "text"
    colours = stream.isatty() and not os.environ.get("NO_COLOR")
    processors = _text_lines(colours=colours) if text else _json_lines()
    with_prefix = is_journal(stream)
    if with_prefix:
        processors.append(with_priority)
    out = cast("TextIO", output or stream)
    _configure(least, processors, output, structlog.WriteLoggerFactory(file=out))
    if text:
        return DecisionLog(least)
    return DecisionLog(least, RequestLines(out.write, with_priority_of if with_prefix else _plain))


def _configure(
    least: int,
    processors: list[structlog.typing.Processor],
    output: Output | None,
    factory: Callable[..., structlog.typing.WrappedLogger],
) -> None:
    if isinstance(output, LogStream):
        output.tell_left_out = lambda lines: _line(processors, "warning", "log_lines_left_out", lines=lines)
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )


def _plain(_level: str, line: str) -> str:
    return line


def _line(processors: list[structlog.typing.Processor], level: str, event: str, **about: object) -> bytes:
    """Return a line of the log without writing it: for the stream itself, which must not wait for a logger's lock."""
    line: Any = {"event": event, **about}
    for process in processors:
        line = process(None, level, line)
    return (line if isinstance(line, bytes) else str(line).encode("utf-8", "backslashreplace")) + b"\n"


def _text_lines(*, colours: bool) -> list[structlog.typing.Processor]:
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
        exception_as_text,
        _printable,
        structlog.dev.ConsoleRenderer(
            colors=colours, sort_keys=False, exception_formatter=structlog.dev.plain_traceback
        ),
    ]


def _json_lines() -> list[structlog.typing.Processor]:
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        exception_as_text,
        _in_order,
        # JSON itself escapes control characters.
        structlog.processors.JSONRenderer(default=str),
    ]


def _printable(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Escape what could forge a line; the lines of a traceback are escaped already, each by itself."""
    for key, value in event.items():
        if isinstance(value, str) and key != "exception":
            event[key] = printable(value)
    return event


def _in_order(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put the time, the level and the event's name in front, where eyes look for them."""
    return {key: event[key] for key in _FIRST if key in event} | dict(event)


class DecisionLog(Sink):
    """Logs each decision and each request as one line, if its level is *least* or more (as the numbers of `logging`).

    Those of requests are left to *requests*, if given.
    """

    def __init__(self, least: int = logging.DEBUG, requests: RequestLines | None = None) -> None:
        self._least = least
        self.routes = least <= logging.DEBUG
        self._requests = requests
        self._log = structlog.get_logger()

    def decided(self, decision: Decision, at: float) -> None:  # noqa: ARG002 - a line has the time at which it is written
        """Log *decision*."""
        level = _level(decision)
        if level < self._least:
            return
        told: dict[str, Any] = {"model": decision.model}
        if isinstance(decision, RequestDecision):
            told["request"] = decision.ticket_id
        # The level of sleep is no level of the log.
        told |= {_OTHER_NAMES.get(name, name): value for name, value in numbers(decision).items()}
        # A full disk or a closed terminal costs the line; it must not cost the decision.
        with suppress(OSError, ValueError):
            self._log.log(level, decision.event, **told)

    def finished(self, record: RequestRecord) -> None:
        """Log a request that is over."""
        if self._least > logging.INFO and level_of(record) < self._least:
            return
        if self._requests is not None:
            self._requests.add(record)
            return
        with suppress(OSError, ValueError):
            self._log.log(level_of(record), EVENT, **about(record))

    def flush(self) -> None:
        """Write what may wait to be written."""
        if self._requests is not None:
            self._requests.flush()


def _level(decision: Decision) -> int:
    match decision:
        case Routed() | Charged():
            return logging.DEBUG  # one for each request; headers, records and the history tell it as well
        case Refused() | FellBack() | RequestSuspected() | BreakerOpened() | LoopDetected() | ContextFitted():
            return logging.WARNING
        case FailureHandled():
            return logging.ERROR
        case _:
            return logging.INFO
