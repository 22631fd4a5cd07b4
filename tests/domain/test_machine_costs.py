"""What a machine costs and saves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.machine_costs import MachineSettings, MachineUse, balance, covered_seconds

WEEK = MachineUse(days=7.0, busy_hours=14.0)


def test_what_it_saves_pays_for_it() -> None:
    """14 hours at 500 W are 7 kWh, 2.10 USD; 30 USD elsewhere leave 3.99 a day, and 3,990 USD are paid for in 1,000 days."""
    found = balance(MachineSettings(3985.714285714286, 500.0, 0.3), WEEK, 30.0)
    assert found.kwh == pytest.approx(7.0)
    assert found.energy_usd == pytest.approx(2.1)
    assert found.saved_a_day == pytest.approx(27.9 / 7)
    assert found.breaks_even == pytest.approx(1000.0)
    assert not found.measured


def test_what_is_measured_comes_before_watts() -> None:
    """A kWh is 3.6 million joules."""
    found = balance(MachineSettings(None, 500.0, 0.5), WEEK._replace(joules=7_200_000.0, measured_hours=160.0), None)
    assert (found.kwh, found.energy_usd, found.measured) == (2.0, 1.0, True)
    assert (found.saved_a_day, found.breaks_even) == (None, None)


def test_a_machine_may_never_pay() -> None:
    """Its energy costs more than the provider."""
    found = balance(MachineSettings(1000.0, 1000.0, 1.0), WEEK, 1.0)
    assert found.saved_a_day is not None
    assert found.saved_a_day < 0
    assert found.breaks_even is None


def test_what_is_not_said_is_not_made_up() -> None:
    """Without watts and a counter, energy is not known; the saving is then without it."""
    found = balance(MachineSettings(700.0), WEEK, 7.0)
    assert (found.kwh, found.energy_usd, found.breaks_even) == (None, None, 700.0)


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50))))
def test_time_that_two_answers_share_counts_once(spans: list[tuple[int, int]]) -> None:
    """As many seconds as have an answer in them."""
    ordered = sorted((begin, begin + length) for begin, length in spans)
    seconds = {second for begin, end in ordered for second in range(begin, end)}
    assert covered_seconds(ordered) == len(seconds)
