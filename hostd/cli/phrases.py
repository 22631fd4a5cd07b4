"""Times and amounts in words, as they stand in cells of tables and in sentences."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from hostd.cli.output import NOTHING
from hostd.domain.units import format_bytes

_STEPS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


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


def clock(when: str) -> str:
    """Return an RFC 3339 time as the local time of day, ``14:05:09``."""
    return f"{datetime.fromisoformat(when).astimezone():%H:%M:%S}"


def money(usd: float | None) -> str:
    """Return dollars as ``0.0123``; ``-`` where they are not known."""
    return NOTHING if usd is None else f"{usd:.4f}"


def percent(share: float | None) -> str:
    """Return a *share* (1 is all) as ``42%``; ``-`` where it is not known."""
    return NOTHING if share is None else f"{share:.0%}"


def prefill(prompt: Mapping[str, Any]) -> str:
    """Return how much of the *prompt* of a request is read, as ``prefill 42%``."""
    return f"prefill {percent(prompt['read_tokens'] / max(1, prompt['total_tokens']))}"
