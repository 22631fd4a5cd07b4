"""Moments of the loop's clock have dates."""

from datetime import UTC, datetime, timedelta

from hostd.runtime.wall_time import wall_time_from


def test_counts_from_the_start() -> None:
    """What the clock shows at the start is now, whatever it shows; a minute later is a minute later."""
    wall_time = wall_time_from(7000.0)
    assert timedelta(seconds=5) > abs(wall_time(7000.0) - datetime.now(UTC))
    assert timedelta(minutes=1) == wall_time(7060.0) - wall_time(7000.0)
