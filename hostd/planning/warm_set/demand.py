"""Weekly demand, learnt from past requests: how many per hour each model may expect in each hour of the week.

A model is watched from the day of its first request on, at most `LOOK_BACK` days back. Of an hour of the week, that of k weeks
ago (1: the latest one before today) weighs `FADE` ** (k - 1), and what is expected is the weighted mean of the counts,

    expected = sum(FADE ** (k - 1) * count[k]) / sum(FADE ** (k - 1))

over all watched weeks, a week without a request counting as 0. It is a pattern if at least `WEEKS` of these weeks had a request in
that hour. While a model has been watched for less than `WEEKS` weeks, the working days tell instead: an hour of the day in which
it was requested on at least `DAYS` of those watched within the last seven days is a pattern of Monday to Friday, and their mean is
expected. What is below `WORTH` per hour is dropped.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

HOURS = 7 * 24
LOOK_BACK = 56
FADE = 0.7
WEEKS = 2
DAYS = 3
WORTH = 0.5
LEAD = timedelta(minutes=15)
"""How long before its usual hour a model is wanted."""


class HourlyCount(NamedTuple):
    """How often a model was asked for in one hour: *day* as `date.toordinal` gives it, *hour* 0 to 23, both local."""

    model: str
    day: int
    hour: int
    requests: int


class WeeklyDemand:
    """The requests expected in each hour of the week; hour 0 begins on Monday at midnight."""

    def __init__(self, expected: Mapping[str, Mapping[int, float]] | None = None) -> None:
        self._expected = dict(expected or {})

    def __repr__(self) -> str:
        hours = sum(map(len, self._expected.values()))
        return f"<WeeklyDemand of {len(self._expected)} models in {hours} hours of the week>"

    @classmethod
    def of(cls, counts: Iterable[HourlyCount], today: int) -> "WeeklyDemand":
        """Return the demand shown by *counts* until the day *today* (`date.toordinal`), which is not over and does not count."""
        seen: dict[str, dict[tuple[int, int], int]] = defaultdict(lambda: defaultdict(int))
        for model, day, hour, requests in counts:
            if today - LOOK_BACK <= day < today:
                seen[model][day, hour] += requests
        return cls({model: hours for model, asked in seen.items() if (hours := _expected_by_hour(asked, today))})

    def expected(self, model: str, hour_of_week: int) -> float:
        """Return how many requests *model* may expect in an hour of the week; 0 where there is no pattern."""
        return self._expected.get(model, {}).get(hour_of_week, 0.0)

    def wanted(self, when: datetime, lead: timedelta = LEAD) -> dict[str, float]:
        """Return how many requests an hour each model may expect at *when* (local time) or *lead* later, the larger of both.

        A model without a habit in these hours is left out: nothing is expected of it.
        """
        hours = {_hour_of_week(when), _hour_of_week(when + lead)}
        rates = {model: max(self.expected(model, hour) for hour in hours) for model in sorted(self._expected)}
        return {model: rate for model, rate in rates.items() if rate}


def _hour_of_week(when: datetime) -> int:
    return when.weekday() * 24 + when.hour


def _expected_by_hour(asked: Mapping[tuple[int, int], int], today: int) -> dict[int, float]:
    """Return what one model may expect by hour of the week; *asked* counts by day and hour."""
    first = min(day for day, _ in asked)
    found: dict[int, float] = {}
    for hour_of_week in range(HOURS):
        weekday, hour = divmod(hour_of_week, 24)
        # The watched days with this name, the latest first. The first day counts too: the model was asked for on it.
        latest = today - 1 - (today - 2 - weekday) % 7
        weeks = [asked.get((day, hour), 0) for day in range(latest, first - 1, -7)]
        if today - first >= WEEKS * 7:
            rate = _weekly(weeks)
        elif weekday < 5:
            rate = _daily(asked, hour, first, today)
        else:
            rate = 0.0
        if rate >= WORTH:
            found[hour_of_week] = round(rate, 2)
    return found


def _weekly(counts: list[int]) -> float:
    """Return what the same hour of earlier weeks, the latest first, lets expect."""
    if sum(map(bool, counts)) < WEEKS:
        return 0.0
    weights = [FADE**age for age in range(len(counts))]
    return sum(weight * count for weight, count in zip(weights, counts, strict=True)) / sum(weights)


def _daily(asked: Mapping[tuple[int, int], int], hour: int, first: int, today: int) -> float:
    """Return what the same hour of the last week's working days lets expect."""
    working = [day for day in range(max(first, today - 7), today) if (day - 1) % 7 < 5]  # day 1 was a Monday
    counts = [asked.get((day, hour), 0) for day in working]
    return sum(counts) / len(counts) if sum(map(bool, counts)) >= DAYS else 0.0
