"""The breaker of one target, in virtual time."""

from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.reason import FallbackReason
from hostd.scheduling.circuit_breaker import (
    COUNTED,
    FAILURE_RATE,
    FIRST_WAIT,
    LEAST_SAMPLES,
    LONGEST_WAIT,
    WINDOW,
    BreakerState,
    CircuitBreaker,
)

CONNECT = FallbackReason.CONNECT


def failing(breaker: CircuitBreaker, times: int, now: float = 0.0) -> bool:
    """Let requests fail; return whether the last has opened the breaker."""
    return [breaker.failed(f"t{number}", CONNECT, now) for number in range(times)][-1]


def test_it_opens_on_a_rate() -> None:
    """Not on a few failures, nor on as many failures as answers; on a rate of enough requests."""
    few = CircuitBreaker()
    assert not failing(few, LEAST_SAMPLES - 1)
    assert failing(few, 1)
    busy = CircuitBreaker()
    for number in range(30):
        busy.answered(f"t{number}", 1.0)
    assert not failing(busy, 69, 2.0)
    assert failing(busy, 1, 2.0)
    assert (70, 100) == busy.counts(2.0)


def test_what_is_long_ago_counts_no_more() -> None:
    """Failures of an hour ago say nothing about now."""
    breaker = CircuitBreaker()
    failing(breaker, LEAST_SAMPLES - 1, 0.0)
    assert not failing(breaker, 1, WINDOW + 10.0)
    assert (1, 1) == breaker.counts(WINDOW + 10.0)


def test_only_the_targets_own_failures_count() -> None:
    """A prompt that is too long, a full queue or a limit on requests is no failure of the target."""
    breaker = CircuitBreaker()
    for number, reason in enumerate(10 * sorted(set(FallbackReason) - COUNTED)):
        assert not breaker.failed(f"t{number}", reason, 0.0)
    assert (0, 0) == breaker.counts(0.0)


def test_the_same_request_counts_once() -> None:
    """A client that sends a request again and again which the engine cannot answer takes the model from nobody else."""
    breaker = CircuitBreaker()
    for number in range(50):
        assert not breaker.failed(f"t{number}", FallbackReason.STATUS_5XX, 0.0, "one request")
    assert (1, 1) == breaker.counts(0.0)


def test_a_probe_decides() -> None:
    """Its answer closes the breaker, its failure opens it for twice as long; one without a verdict leaves the next to try."""
    breaker = CircuitBreaker()
    failing(breaker, LEAST_SAMPLES)
    assert (BreakerState.OPEN, FIRST_WAIT) == (breaker.state, breaker.again_at)
    assert not breaker.admits
    breaker.let_through()
    assert breaker.admits
    breaker.served("probe")
    assert not breaker.admits
    assert not breaker.answered("sent long before", 3.0)
    breaker.released("probe")
    breaker.served("second")
    assert breaker.failed("second", CONNECT, 3.0)
    assert 3.0 + 2 * FIRST_WAIT == breaker.again_at
    breaker.let_through()
    breaker.served("third")
    assert breaker.answered("third", 9.0)
    assert breaker.admits
    assert (0, 0) == breaker.counts(9.0)


def test_a_target_that_flaps_is_left_alone_for_longer() -> None:
    """One that opens again within the window has not recovered; after a good stretch it begins anew."""
    breaker = CircuitBreaker()
    failing(breaker, LEAST_SAMPLES)
    breaker.close(5.0)
    failing(breaker, LEAST_SAMPLES, 10.0)
    assert 2 * FIRST_WAIT == breaker.wait
    breaker.close(20.0)
    failing(breaker, LEAST_SAMPLES, 21.0 + WINDOW)
    assert FIRST_WAIT == breaker.wait


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["answered", "failed", "released", "trip", "wait", "ready"]),
            st.integers(0, 5),
            st.floats(0.0, 40.0),
            st.sampled_from(FallbackReason),
        )
    )
)
def test_it_is_never_open_for_ever(happenings: list[tuple[str, int, float, FallbackReason]]) -> None:
    """Whatever happens in which order: open it has an end within `LONGEST_WAIT`; half open one request at a time gets through."""
    breaker, now = CircuitBreaker(), 0.0
    sent: set[str] = set()
    for number, (what, which, seconds, reason) in enumerate(happenings):
        now += seconds
        if breaker.state is BreakerState.OPEN and breaker.again_at is not None and breaker.again_at <= now:
            breaker.let_through()
        if breaker.admits:
            breaker.served(f"t{number}")
            sent.add(f"t{number}")
        ticket = sorted(sent)[which % len(sent)] if sent else "none"
        match what:
            case "answered":
                breaker.answered(ticket, now)
            case "failed":
                failures, count = breaker.counts(now)
                was_closed = breaker.state is BreakerState.CLOSED
                opened = breaker.failed(ticket, reason, now)
                if opened and was_closed:
                    assert count + 1 >= LEAST_SAMPLES
                    assert failures + 1 >= FAILURE_RATE * (count + 1)
            case "trip":
                breaker.trip(reason, now)
            case "ready":
                breaker.close(now)
            case _:
                breaker.released(ticket)
        if what not in ("wait", "trip", "ready"):
            sent.discard(ticket)
            breaker.released(ticket)
        if breaker.state is BreakerState.OPEN:
            assert breaker.again_at is not None
            assert now < breaker.again_at <= now + LONGEST_WAIT
        assert breaker.probe is None or (breaker.state is BreakerState.HALF_OPEN and breaker.probe in sent)
        failures, count = breaker.counts(now)
        assert 0 <= failures <= count
