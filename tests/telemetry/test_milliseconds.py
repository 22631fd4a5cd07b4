"""Rounded as `round` does it, which takes longer."""

import random

import pytest

from hostd.telemetry.milliseconds import in_hundredths, in_tenths


@pytest.mark.parametrize("longest", [0.001, 1.0, 3600.0, 1e6])
def test_are_rounded(longest: float) -> None:
    """From microseconds to days."""
    drawn = random.Random(longest)
    for seconds in (0.0, longest, *(drawn.uniform(0.0, longest) for _ in range(1000))):
        assert round(seconds * 1000, 1) == in_tenths(seconds)
        assert round(seconds * 1000, 2) == in_hundredths(seconds)


def test_are_whole_where_the_time_is() -> None:
    """A time that decimals can say is said by them."""
    assert (2000.0, 0.1, 12.3) == (in_tenths(2.0), in_tenths(0.0001), in_tenths(0.0123))
    assert (2000.0, 0.01, 12.34) == (in_hundredths(2.0), in_hundredths(0.00001), in_hundredths(0.01234))
