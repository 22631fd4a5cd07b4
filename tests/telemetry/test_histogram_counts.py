"""Observations fall into the bucket whose bound they do not exceed."""

from itertools import pairwise

from hostd.telemetry.histogram_counts import SECONDS, SECONDS_PER_TOKEN, HistogramCounts


def test_counts_are_cumulative() -> None:
    """As Prometheus wants them; one beyond every bound counts in the last alone."""
    tally = HistogramCounts((1.0, 2.0))
    assert not tally
    tally.add([7.0, 0.5])
    tally.add([1.0, 1.5])
    tally.add([])
    assert tally
    assert [("1.0", 2.0), ("2.0", 3.0), ("+Inf", 4.0)] == tally.buckets()
    assert 10.0 == tally.sum


def test_bounds_are_opentelemetrys() -> None:
    """Those of its durations come first, each twice the one before; those of tokens are its own."""
    assert (0.01, 81.92, 655.36) == (SECONDS[0], SECONDS[13], SECONDS[-1])
    assert all(round(one * 2, 2) == other for one, other in pairwise(SECONDS))
    assert (0.01, 2.5, 13) == (SECONDS_PER_TOKEN[0], SECONDS_PER_TOKEN[-1], len(SECONDS_PER_TOKEN))
