"""Demand by hour of the week."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.planning.warm_set.demand import FADE, HOURS, LOOK_BACK, WORTH, HourlyCount, WeeklyDemand

FRIDAY = date(2026, 11, 20)
TODAY = FRIDAY.toordinal()
NINE = 4 * 24 + 9
BERLIN = ZoneInfo("Europe/Berlin")


def demand(*counts: tuple[int, int, int], model: str = "m") -> WeeklyDemand:
    """Return the demand of *model* from (days ago, hour, count)."""
    return WeeklyDemand.of([HourlyCount(model, TODAY - ago, hour, count) for ago, hour, count in counts], TODAY)


def test_recent_weeks_weigh_more() -> None:
    """Last week counts in full, each one before it by the factor less, and silent weeks count as none."""
    weights = [1.0, FADE, FADE**2]
    expected = round((10 * weights[0] + 4 * weights[2]) / sum(weights), 2)
    assert expected == demand((7, 9, 10), (21, 9, 4)).expected("m", NINE)
    assert demand((7, 9, 10), (21, 9, 4)).expected("m", NINE) > demand((7, 9, 4), (21, 9, 10)).expected("m", NINE)


def test_once_is_no_habit() -> None:
    """One week with a request teaches nothing, however many came; neither do other hours, other models, or today."""
    once = demand((14, 9, 500), (0, 9, 500))
    assert 0.0 == once.expected("m", NINE)
    twice = demand((14, 9, 5), (7, 9, 5))
    assert (5.0, 0.0, 0.0) == (
        twice.expected("m", NINE),
        twice.expected("m", NINE + 1),
        twice.expected("other", NINE),
    )


def test_a_young_ledger_learns_from_working_days() -> None:
    """Three working days of the same hour make a habit of Monday to Friday until there are two weeks to look at."""
    young = demand((1, 9, 6), (2, 9, 6), (4, 9, 6))  # Thursday, Wednesday, Monday; nothing on Tuesday
    assert [4.5] * 5 + [0.0] * 2 == [young.expected("m", day * 24 + 9) for day in range(7)]
    assert 0.0 == demand((1, 9, 6), (2, 9, 6)).expected("m", NINE)
    assert 0.0 == demand((1, 9, 6), (2, 9, 6), (4, 9, 6), (20, 3, 1)).expected("m", NINE)


def test_what_was_given_up_is_forgotten() -> None:
    """Weeks of silence bring a habit below what is worth a load, and what is older than the span is not looked at."""
    assert 0.0 == demand((35, 9, 2), (42, 9, 2)).expected("m", NINE)
    assert 0.0 == demand((LOOK_BACK + 7, 9, 99), (7, 9, 99)).expected("m", NINE)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2026-11-20 08:44", {}),
        ("2026-11-20 08:45", {"m": 5.0}),
        ("2026-11-20 08:50", {"m": 5.0}),
        ("2026-11-20 09:59", {"m": 5.0}),
        ("2026-11-20 10:00", {}),
        ("2026-11-21 08:50", {}),
    ],
)
def test_a_model_is_wanted_before_its_hour(when: str, expected: dict[str, float]) -> None:
    """A quarter of an hour ahead of it, and until its end."""
    found = demand((7, 9, 5), (14, 9, 5)).wanted(datetime.fromisoformat(when).replace(tzinfo=BERLIN))
    assert expected == found


def test_takes_the_larger_of_two_hours() -> None:
    """Between two busy hours both count; the lead may be set, and goes over midnight and the week's end."""
    both = demand((7, 9, 5), (14, 9, 5), (7, 10, 8), (14, 10, 8))
    assert {"m": 8.0} == both.wanted(datetime(2026, 11, 20, 9, 50, tzinfo=BERLIN))
    monday = demand((4, 0, 3), (11, 0, 3), (18, 0, 3))
    assert {"m": 3.0} == monday.wanted(datetime(2026, 11, 22, 23, 30, tzinfo=BERLIN), timedelta(minutes=30))


@given(st.lists(st.tuples(st.integers(-1, 70), st.integers(0, 23), st.integers(1, 50))))
def test_expects_no_more_than_there_was(counts: list[tuple[int, int, int]]) -> None:
    """Whatever the past, an hour's expectation lies between what is worth it and the most that was seen in that hour of a day."""
    found = demand(*counts)
    totals: dict[tuple[int, int], int] = {}
    for ago, hour, count in counts:
        totals[ago, hour] = totals.get((ago, hour), 0) + count
    for hour in range(HOURS):
        rate = found.expected("m", hour)
        most = max((count for (_, of_day), count in totals.items() if of_day == hour % 24), default=0)
        assert rate == 0.0 or WORTH <= rate <= most


def test_tells_its_size() -> None:
    """The status line counts models and hours."""
    assert "<WeeklyDemand of 1 models in 1 hours of the week>" == repr(demand((7, 9, 5), (14, 9, 5)))
    assert "<WeeklyDemand of 0 models in 0 hours of the week>" == repr(WeeklyDemand())
