"""Which trace a request belongs to, and the ids of its spans (https://www.w3.org/TR/trace-context).

Ids are made of the request's ticket: what sends a request on and what exports its spans name the same one, and keep nothing for it.
"""

import re
import secrets
from hashlib import blake2b
from typing import NamedTuple

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_SALT = secrets.token_bytes(16)
"""Tells the requests of two daemons apart, whose clients may give them the same ids."""
_SAMPLED = 1


class TraceContext(NamedTuple):
    """A span of a trace, and whether the trace is recorded."""

    trace_id: int
    span_id: int
    sampled: bool

    @classmethod
    def parse(cls, traceparent: str | None) -> "TraceContext | None":
        """Return what a header says; None where there is none that can be read."""
        found = None if traceparent is None else _TRACEPARENT.fullmatch(traceparent)
        if found is None:
            return None
        trace_id, span_id, flags = found.groups()
        return cls(int(trace_id, 16), int(span_id, 16), bool(int(flags, 16) & _SAMPLED))

    def header(self) -> str:
        """Return it as the header ``traceparent``."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{'01' if self.sampled else '00'}"


def trace_id_of(ticket_id: str) -> int:
    """Return the id of the trace of a request that came with none."""
    return _number(ticket_id, 16)


def span_id_of(ticket_id: str, part: str = "") -> int:
    """Return the id of a request's span; *part* says which, empty for the request itself, ``1`` for its first attempt."""
    return _number(f"{ticket_id} {part}", 8)


def _number(text: str, size: int) -> int:
    # Zero is no id.
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=size, key=_SALT).digest()) or 1
