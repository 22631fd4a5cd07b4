"""One line for each request that is over. Nothing that was said is in it.

There may be thousands a second, so that lines of JSON are made without the steps that other lines of the log go through, and not
one by one: records are gathered for a moment, and their lines are made and written together.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from json import JSONEncoder
from typing import Any

import msgspec

from hostd.telemetry.milliseconds import in_tenths
from hostd.telemetry.sinks import RequestRecord

EVENT = "request"
"""What the log calls such a line."""

_PAUSE = 0.05
"""Seconds for which records are gathered."""
_MOST = 1000
"""Records that are gathered."""
_UNDESERVED = frozenset({"refused", "failed", "broken"})
_NAMES = {logging.INFO: "info", logging.WARNING: "warning"}
"""Levels of requests by their number."""
_encode = msgspec.json.Encoder().encode
_encode_to_ascii = JSONEncoder().encode


class _Line(msgspec.Struct, omit_defaults=True, gc=False):
    """A line's members in their order; what is not known is left out."""

    timestamp: datetime
    level: str
    event: str
    model: str
    request: str
    outcome: str
    status: int
    route: str
    backend: str
    total_ms: float
    queue_ms: float | None = None
    load_ms: float | None = None
    ttft_ms: float | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    asked: str | None = None
    attempts: int | None = None
    role: str | None = None
    client: str | None = None
    session: str | None = None


def level_of(record: RequestRecord) -> int:
    """Return how much a request deserves to be looked at: a warning where it is no client's doing that it had no whole answer."""
    return logging.WARNING if record.outcome in _UNDESERVED and record.status >= 500 else logging.INFO


def about(record: RequestRecord) -> dict[str, Any]:
    """Return what a line says of a request, behind its time, level and event; what is not known is left out."""
    return dict(list(msgspec.to_builtins(_line(record, "")).items())[3:])


def _line(record: RequestRecord, level: str) -> _Line:
    counted = record.prompt_tokens or record.output_tokens
    return _Line(
        datetime.fromtimestamp(record.at + record.total, UTC),
        level,
        EVENT,
        record.model,
        record.id,
        record.outcome,
        record.sent or record.status,
        record.route,
        record.backend,
        in_tenths(record.total),
        in_tenths(record.waited) if record.waited else None,
        in_tenths(record.loaded) if record.loaded else None,
        in_tenths(record.ttft) if record.ttft else None,
        record.prompt_tokens if counted else None,
        record.output_tokens if counted else None,
        None if record.cost is None else round(record.cost, 8),
        None if record.asked == record.model else record.asked,
        record.attempts if record.attempts > 1 else None,
        record.role,
        record.client,
        record.session,
    )


class RequestLines:
    """Has *write* write a line of JSON for each request, behind *prefix*."""

    def __init__(self, write: Callable[[str], object], prefix: Callable[[str, str], str]) -> None:
        self._write = write
        self._before = {name: prefix(name, "").encode() for name in _NAMES.values()}
        self._records: list[RequestRecord] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, record: RequestRecord) -> None:
        """Log a request that is over, in a moment where a loop runs, else at once."""
        self._records.append(record)
        if self._timer is None:
            try:
                self._timer = asyncio.get_running_loop().call_later(_PAUSE, self.flush)
            except RuntimeError:
                self.flush()
        elif len(self._records) >= _MOST:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        records, self._records = self._records, []
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        if records:
            lines = map(self._line, records)
            # A full disk or a closed terminal costs the lines.
            with suppress(OSError, ValueError):
                self._write(b"\n".join([*lines, b""]).decode())

    def _line(self, record: RequestRecord) -> bytes:
        level = _NAMES[level_of(record)]
        return self._before[level] + _as_json(_line(record, level))


def _as_json(line: _Line) -> bytes:
    """Return *line* in ASCII: what a client calls itself may hold control characters of terminals, or halves of letters."""
    try:
        text = _encode(line)
    except UnicodeEncodeError:
        text = None
    return text if text is not None and text.isascii() else _encode_to_ascii(msgspec.to_builtins(line)).encode()
