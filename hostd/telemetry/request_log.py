"""One line for each request that is over. Nothing that was said is in it.

There may be thousands a second, so that lines of JSON are made without the steps that other lines of the log go through, gathered
for a moment, and written together.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from json import JSONEncoder
from typing import Any

import msgspec

from hostd.telemetry.sinks import RequestRecord

EVENT = "request"
"""What the log calls such a line."""

_PAUSE = 0.05
"""Seconds for which lines are gathered."""
_MOST = 1000
"""Lines that are gathered."""
_UNDESERVED = frozenset({"refused", "failed", "broken"})
_encode = msgspec.json.Encoder().encode
_encode_to_ascii = JSONEncoder(default=lambda moment: moment.isoformat().replace("+00:00", "Z")).encode


def level_of(record: RequestRecord) -> int:
    """Return how much a request deserves to be looked at: a warning where it is no client's doing that it had no whole answer."""
    return logging.WARNING if record.outcome in _UNDESERVED and record.status >= 500 else logging.INFO


def about(record: RequestRecord) -> dict[str, Any]:
    """Return what a line says of a request; what is not known is left out."""
    told: dict[str, Any] = {
        "model": record.model,
        "request": record.id,
        "outcome": record.outcome,
        "status": record.sent or record.status,
        "route": record.route,
        "backend": record.backend,
        "total_ms": round(record.total * 1000, 1),
    }
    if record.waited:
        told["queue_ms"] = round(record.waited * 1000, 1)
    if record.loaded:
        told["load_ms"] = round(record.loaded * 1000, 1)
    if record.ttft:
        told["ttft_ms"] = round(record.ttft * 1000, 1)
    if record.prompt_tokens or record.output_tokens:
        told["prompt_tokens"], told["output_tokens"] = record.prompt_tokens, record.output_tokens
    if record.cost is not None:
        told["cost_usd"] = round(record.cost, 8)
    if record.asked != record.model:
        told["asked"] = record.asked
    if record.attempts > 1:
        told["attempts"] = record.attempts
    if record.role is not None:
        told["role"] = record.role
    if record.client is not None:
        told["client"] = record.client
    if record.session is not None:
        told["session"] = record.session
    return told


class RequestLines:
    """Has *write* write a line of JSON for each request, behind *prefix*."""

    def __init__(self, write: Callable[[str], object], prefix: Callable[[str, str], str]) -> None:
        self._write = write
        self._prefix = prefix
        self._lines: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, record: RequestRecord, level: int) -> None:
        """Log a request that is over, in a moment where a loop runs, else at once."""
        name = logging.getLevelName(level).lower()
        told = {"timestamp": datetime.now(UTC), "level": name, "event": EVENT, **about(record)}
        self._lines.append(self._prefix(name, _line(told)))
        if len(self._lines) >= _MOST:
            self.flush()
        elif self._timer is None:
            try:
                self._timer = asyncio.get_running_loop().call_later(_PAUSE, self.flush)
            except RuntimeError:
                self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        lines, self._lines = self._lines, []
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        if lines:
            # A full disk or a closed terminal costs the lines.
            with suppress(OSError, ValueError):
                self._write("\n".join([*lines, ""]))


def _line(told: dict[str, Any]) -> str:
    """Return *told* as JSON in ASCII: what a client calls itself may hold control characters of terminals, or halves of letters."""
    try:
        line = _encode(told)
    except UnicodeEncodeError:
        return _encode_to_ascii(told)
    return line.decode() if line.isascii() else _encode_to_ascii(told)
