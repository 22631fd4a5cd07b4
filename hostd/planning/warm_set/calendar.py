"""Windows of the week as a level: whether one is open is asked of the clock on the wall, never of an alarm that may be missed.

A window is half-open: its first minute belongs to it, the minute of its end does not. One that ends before it begins goes on
past midnight and belongs to the day on which it began. On the nights when clocks are turned, the wall decides: an hour that
does not come is in no window, and one that comes twice is twice in its window.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from hostd.domain.profile import ActiveWindow

DAY = 24 * 60
WEEK = 7 * DAY

_MINUTE = timedelta(minutes=1)
_STEP = timedelta(minutes=15)
"""Clocks are turned at quarters of an hour of UTC, everywhere."""


def open_now(windows: Iterable[ActiveWindow], when: datetime) -> bool:
    """Return whether any of *windows* is open at *when*, which is local time."""
    minute = when.weekday() * DAY + when.hour * 60 + when.minute
    return any((minute - opens) % WEEK < length for opens, length in _spans(windows))


def next_edge(windows: Iterable[ActiveWindow], when: datetime) -> datetime | None:
    """Return the first moment after *when* at which `open_now` changes, in the time zone of *when*, which has one.

    None where it never does: without windows, and when they leave no minute of the week out.
    """
    windows = tuple(windows)
    was = open_now(windows, when)
    zone = when.tzinfo
    for moment in _moments(windows, when):
        if open_now(windows, moment.astimezone(zone)) != was:
            return moment.astimezone(zone)
    return None


def _spans(windows: Iterable[ActiveWindow]) -> Iterator[tuple[int, int]]:
    """Yield the minute of the week at which each window opens, and how many minutes it lasts."""
    for window in windows:
        for day in window.days:
            yield day * DAY + window.start, (window.end - window.start) % DAY or DAY


def _moments(windows: tuple[ActiveWindow, ...], when: datetime) -> list[datetime]:
    """Return the moments of the coming week after *when* at which the level could change, in UTC, soonest first."""
    if not windows:
        return []
    midnight = when.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    edges = {edge % WEEK for opens, length in _spans(windows) for edge in (opens, opens + length)}
    monday = midnight - timedelta(days=when.weekday())
    walls = [monday + timedelta(minutes=edge + week * WEEK) for edge in edges for week in (0, 1)]
    found = {wall.replace(fold=fold).astimezone(UTC) for wall in walls for fold in (0, 1)}
    now = when.astimezone(UTC)
    return sorted(moment for moment in found.union(_turns(when)) if moment > now)


def _turns(when: datetime) -> Iterator[datetime]:
    """Yield the moments within a week of *when* at which the clocks are turned, in UTC."""
    start = when.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    for day in range(8):
        morning, evening = start + timedelta(days=day), start + timedelta(days=day + 1)
        if morning.astimezone(when.tzinfo).utcoffset() != evening.astimezone(when.tzinfo).utcoffset():
            for quarter in range(1, 97):
                moment = morning + quarter * _STEP
                after, before = moment.astimezone(when.tzinfo), (moment - _MINUTE).astimezone(when.tzinfo)
                if after.utcoffset() != before.utcoffset():
                    yield moment
