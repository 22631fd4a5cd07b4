"""The days of the week and its hours as text, the way owners write them in a profile."""

from collections.abc import Iterable
from itertools import groupby

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = 3
"""Days in a row from which on they are written as from the first to the last."""


def format_days(days: Iterable[int]) -> str:
    """Return *days*, ascending and Monday being 0, as a profile may name them: ``mon-fri``, ``sat,sun``."""
    rows = groupby(enumerate(days), lambda entry: entry[1] - entry[0])
    return ",".join(_row([day for _, day in row]) for _, row in rows)


def format_clock(minutes: int) -> str:
    """Return *minutes* after midnight as ``HH:MM``."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _row(days: list[int]) -> str:
    if len(days) < _SPAN:
        return ",".join(DAYS[day] for day in days)
    return f"{DAYS[days[0]]}-{DAYS[days[-1]]}"
