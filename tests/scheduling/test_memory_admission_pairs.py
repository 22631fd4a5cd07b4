"""Two models that do not fit together, and clients who want both: how many loads, and how long anybody waits."""

from functools import cache

from hostd.scheduling.eviction_timing import WAIT_LOADS
from tests.scheduling.memory import CARD, fits
from tests.scheduling.scenario import profile
from tests.scheduling.stateful import STOPPING, Lively

LOAD, RESIDENCY, SECONDS = 4.0, 8.0, 600


@cache
def alternating() -> Lively:
    """Let requests come for each of two models that do not fit together every second for ten minutes."""
    play = Lively({CARD: 10}, a=(fits(6, seconds=LOAD),), b=(fits(6, seconds=LOAD),))
    play.open(profile("a"), profile("b"))
    play.run(SECONDS + 60.0, [(n + 0.01, f"{name}{n}", name) for n in range(SECONDS) for name in "ab"])
    return play


class TestAlternating:
    """Two models that do not fit together, and requests for both every second."""

    def test_no_request_is_refused(self) -> None:
        """All are answered in the end."""
        assert ({}, 2 * SECONDS) == (alternating().refused, len(alternating().waited))

    def test_they_are_batched(self) -> None:
        """Ten requests and more are answered for each load."""
        assert len(alternating().loads) <= 2 * SECONDS / 10

    def test_no_request_waits_for_long(self) -> None:
        """At most until the other is there and has had its residency, and one's own is there again, twice over."""
        assert max(alternating().waited.values()) <= 2 * (2 * (STOPPING + LOAD) + RESIDENCY)

    def test_nothing_is_left_behind(self) -> None:
        """No claim, no alarm but those of idle time."""
        assert [] == list(alternating().scheduler.engines.admission.pending)
        assert {"idle"} >= {kind for kind, _ in alternating().scheduler._context.deadlines._at}


SERVICE = 3.0


@cache
def never_idle() -> Lively:
    """Let both be busy all the time: a request for each every second for half an hour, and each answer takes three."""
    play = Lively({CARD: 10}, service=SERVICE, a=(fits(6, seconds=LOAD),), b=(fits(6, seconds=LOAD),))
    patient = {"queue_timeout": 3600, "total_timeout": 36000, "max_queue": 10_000, "max_concurrent": 8}
    play.open(profile("a", **patient), profile("b", **patient))
    play.run(2400.0, [(n + 0.01, f"{name}{n}", name) for n in range(1800) for name in "ab"])
    return play


class TestAlwaysBusy:
    """Two models that do not fit together, and that are never idle while they are there."""

    def test_everybody_is_answered(self) -> None:
        """No request is refused."""
        assert ({}, 3600) == (never_idle().refused, len(never_idle().waited))

    def test_the_waits_are_bounded(self) -> None:
        """Some loads of both until the other is closed, the answers under way, its end, and one's own load: 55.5 s."""
        assert max(never_idle().waited.values()) <= WAIT_LOADS * 2 * LOAD + SERVICE + STOPPING + LOAD + 0.1

    def test_loads_take_little_of_the_time(self) -> None:
        """Each stay is worth its load: a seventh of the time goes into loads at most."""
        assert len(never_idle().loads) * LOAD <= 2400.0 / 7
