"""Numbers and times the way people say them."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from hostd.domain.units import format_bytes

_STEPS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
NOTHING = "-"


def relative(when: str | None, now: datetime) -> str:
    """Return an RFC 3339 time as ``in 4 minutes`` or ``2 hours ago``, rounded down; ``-`` for None."""
    if when is None:
        return NOTHING
    seconds = int((datetime.fromisoformat(when) - now).total_seconds())
    for unit, length in _STEPS:
        count = abs(seconds) // length
        if count:
            span = f"{count} {unit}{'s' if count > 1 else ''}"
            return f"in {span}" if seconds > 0 else f"{span} ago"
    return "now"


def memory(pools: Mapping[str, int]) -> str:
    """Return bytes per pool as ``18.6 GiB cuda:0, 1.2 GiB ram``; ``-`` when there are none."""
    return ", ".join(f"{format_bytes(count)} {pool}" for pool, count in pools.items() if count) or NOTHING


def listed(words: Iterable[object]) -> str:
    """Return *words* with commas between them, ``-`` when there are none."""
    return ", ".join(map(str, words)) or NOTHING
