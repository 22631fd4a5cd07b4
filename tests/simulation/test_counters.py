"""``hostd.simulation.counters``."""

from hostd.simulation.counters import Counters


def tally() -> Counters:
    """Return a count for one model with a queue time of 10 s in 100 s."""
    return Counters({"a": (10.0, 100.0)})


def test_a_refusal_counts_as_the_whole_wait() -> None:
    """Turning requests away must not look quick."""
    count = tally()
    count.arrived("a", 0.0)
    count.refused("a", 1.0)
    assert (1, 1, [100.0]) == (count.refusals, count.misses, list(count.waits))


def test_late_service_is_a_miss() -> None:
    """Later than the queue time, that is; on time is none."""
    count = tally()
    for now, waited in ((10.0, 10.0), (30.0, 10.1)):
        count.arrived("a", now - waited)
        count.served("a", waited, now)
    assert (2, 1) == (count.served_count, count.misses)


def test_starvation_is_the_longest_time_without_service() -> None:
    """The wait begins with the first waiting request and ends when one of them is served; giving up ends nothing."""
    count = tally()
    for now in (0.0, 1.0, 2.0):
        count.arrived("a", now)
    count.served("a", 5.0, 5.0)
    count.refused("a", 9.0)
    count.served("a", 12.0, 14.0)
    assert 9.0 == count.trackers["a"].longest
    count.arrived("a", 50.0)
    count.served("a", 1.0, 51.0)
    assert 9.0 == count.trackers["a"].longest


def test_loads_at_the_same_time_count_their_time_once() -> None:
    """The share of time is that in which anything is loaded."""
    count = tally()
    for begun in (0.0, 2.0):
        count.load_began(begun)
    count.load_ended(4.0)
    count.load_ended(6.0)
    count.load_began(8.0)
    count.close(9.0)
    assert (3, 7.0, 9.0) == (count.loads, count.loading_seconds, count.span)
