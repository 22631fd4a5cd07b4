"""How much a model is asked for at present."""

from math import exp, isclose

from hypothesis import given
from hypothesis import strategies as st

from hostd.scheduling.request_rate import MEMORY, RequestRate


def test_what_was_never_asked_for_is_cold() -> None:
    """At any time."""
    assert (0.0, 0.0) == (RequestRate().rate(0.0), RequestRate().rate(1e9))


def test_a_steady_stream_is_known_after_a_while() -> None:
    """A request every two seconds for half an hour gives half a request a second."""
    rate = RequestRate()
    for number in range(900):
        rate.add(number * 2.0)
    assert isclose(0.5, rate.rate(1799.0), rel_tol=0.01)


def test_what_has_passed_fades() -> None:
    """After the memory of five minutes a third is left, after an hour nothing to speak of."""
    rate = RequestRate()
    rate.add(10.0)
    assert isclose(1.0 / MEMORY, rate.rate(10.0))
    assert isclose(exp(-1.0) / MEMORY, rate.rate(10.0 + MEMORY))
    assert rate.rate(10.0 + 3600.0) < 1e-7


@given(gaps=st.lists(st.floats(0.0, 1000.0), max_size=30), later=st.floats(0.0, 1e6))
def test_it_never_counts_more_than_came(gaps: list[float], later: float) -> None:
    """Nor less than nothing, and it only falls while no request arrives."""
    rate, now = RequestRate(), 0.0
    for gap in gaps:
        now += gap
        rate.add(now)
    assert 0.0 <= rate.rate(now + later) <= rate.rate(now) <= len(gaps) / MEMORY
