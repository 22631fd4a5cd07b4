"""The days of the week and its hours as text, the way owners write them in a profile."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = 3
"""Days in a row from which on they are written as from the first to the last."""


@dataclass(frozen=True, slots=True)
class ActiveWindow:
    """Hours on some days of the week; *start* and *end* are minutes after midnight."""

    days: tuple[int, ...]
    start: int
    end: int


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


MIDNIGHT = 24 * 60

_GROUPS = {"daily": "mon-sun", "weekdays": "mon-fri", "weekends": "sat-sun"}
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})")
WINDOW = re.compile("(.*[^ ]) +([0-9]{1,2}:[0-9]{2}) *[-\u2013] *([0-9]{1,2}:[0-9]{2})")


def parse_days(text: str) -> tuple[int, ...]:
    """Return the days that *text* names, Monday being 0: ``mon-fri``, ``sat,sun``, ``fri-mon``, ``daily``.

    Raises:
        ValueError: The text names something else than days.
    """
    found: set[int] = set()
    for part in text.lower().replace(" ", "").split(","):
        first, dash, last = _GROUPS.get(part, part).partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise ValueError(f"{text!r} names no days; write such as mon-fri, 'sat,sun', daily, weekdays, weekends")
        start = DAYS.index(first)
        length = (DAYS.index(last) - start) % 7 if dash else 0
        found.update((start + step) % 7 for step in range(length + 1))
    return tuple(sorted(found))


def parse_clock(text: str) -> int:
    """Return the minutes after midnight that *text* means: ``08:30`` is 510, ``24:00`` is 1440.

    Raises:
        ValueError: The text is no time of day.
    """
    match = _CLOCK.fullmatch(text.strip())
    minutes = int(match[1]) * 60 + int(match[2]) if match and int(match[2]) < 60 else MIDNIGHT + 1
    if minutes > MIDNIGHT:
        raise ValueError(f"{text!r} is no time of day; write such as '08:30', up to '24:00'")
    return minutes


def split_window(text: str) -> tuple[str, str, str]:
    """Return the days, the beginning and the end in ``mon-fri 08:30-18:00``; the dash may be a long one.

    Raises:
        ValueError: The text is no window.
    """
    match = WINDOW.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no window of the week; write such as 'mon-fri 08:30-18:00'")
    return match[1], match[2], match[3]
