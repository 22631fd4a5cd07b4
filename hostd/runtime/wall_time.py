"""Dates of moments on the loop's clock, which counts seconds from nowhere in particular."""

from collections.abc import Callable
from datetime import UTC, datetime


def wall_time_from(started: float) -> Callable[[float], datetime]:
    """Return what turns a time of the loop's clock, which shows *started* now, into a date."""
    offset = datetime.now(UTC).timestamp() - started

    def wall_time(moment: float) -> datetime:
        return datetime.fromtimestamp(moment + offset, UTC)

    return wall_time
