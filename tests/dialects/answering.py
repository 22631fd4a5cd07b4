"""What an answer is made for, for tests of what makes one."""

from hostd.dialects import registry
from hostd.dialects.base import AnswerContext, Dialect

BEGAN = 1_700_000_000.0
"""Seconds since 1970 that the clock says first; each later reading is a second on."""


def context(dialect: Dialect, body: bytes = b'{"model": "asked"}', name: str = "ours") -> AnswerContext:
    """Return the context of an answer to *body*, whose request waited two seconds, one of them for a load."""
    readings = iter(range(10**9))
    request = registry.client_dialect(dialect).parse(body)
    return AnswerContext(request, name, "req_1", 2.0, 1.0, lambda: BEGAN + next(readings), BEGAN - 1.0)
