"""Windows of the week as a level: whether one is open is computed from the wall clock, never from an alarm that may be missed.

A window is half-open: its first minute belongs to it, the minute of its end does not. One that ends before it begins goes on
past midnight and belongs to the day on which it began. On the nights when clocks are turned, local time decides: an hour
that is skipped is in no window, and one that comes twice is twice in its window.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from hostd.domain.schedule import ActiveWindow

DAY = 24 * 60
WEEK = 7 * DAY


def open_now(windows: Iterable[ActiveWindow], when: datetime) -> bool:
    """Return whether any of *windows* is open at *when*, which is local time."""
    minute = when.weekday() * DAY + when.hour * 60 + when.minute
    return any((minute - opens) % WEEK < length for opens, length in _spans(windows))


def _spans(windows: Iterable[ActiveWindow]) -> Iterator[tuple[int, int]]:
    """Yield the minute of the week at which each window opens, and how many minutes it lasts."""
    for window in windows:
        for day in window.days:
            yield day * DAY + window.start, (window.end - window.start) % DAY or DAY
