"""Windows of the week."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.schedule import ActiveWindow
from hostd.planning.warm_set.calendar import DAY, open_now

MON_FRI = (0, 1, 2, 3, 4)
OFFICE = ActiveWindow(MON_FRI, 510, 1080)
NIGHT = ActiveWindow((4,), 22 * 60, 2 * 60)
BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)

minutes = st.integers(0, DAY)
windows = st.lists(
    st.tuples(st.sets(st.integers(0, 6), min_size=1), minutes, minutes)
    .filter(lambda parts: parts[1] != parts[2])
    .map(lambda parts: ActiveWindow(tuple(sorted(parts[0])), parts[1], parts[2])),
    max_size=3,
)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.sampled_from([UTC, BERLIN]))  # noqa: DTZ001  # hypothesis adds the zone


def at(text: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> datetime:
    """Return local time; 2026-11-20 is a Friday."""
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2026-11-20 08:29:59", False),
        ("2026-11-20 08:30", True),
        ("2026-11-20 17:59:59", True),
        ("2026-11-20 18:00", False),
        ("2026-11-21 12:00", False),
    ],
)
def test_a_window_is_half_open(when: str, expected: bool) -> None:
    """It opens with its first minute and is shut in the minute of its end, on its days only."""
    assert expected is open_now([OFFICE], at(when))


@pytest.mark.parametrize(
    ("when", "expected"),
    [("2026-11-20 21:59", False), ("2026-11-20 23:00", True), ("2026-11-21 01:59", True), ("2026-11-21 02:00", False)],
)
def test_a_window_goes_past_midnight(when: str, expected: bool) -> None:
    """It belongs to the day on which it began; Friday night ends on Saturday."""
    assert expected is open_now([NIGHT], at(when))


def test_sunday_night_ends_on_monday() -> None:
    """The week is a circle; a day may end at 24:00, and one that begins there begins the next."""
    assert open_now([ActiveWindow((6,), 23 * 60, 60)], at("2026-11-23 00:59"))
    assert open_now([ActiveWindow((4,), 0, DAY)], at("2026-11-20 23:59"))
    assert not open_now([ActiveWindow((4,), 0, DAY)], at("2026-11-21 00:00"))
    assert open_now([ActiveWindow((4,), DAY, 60)], at("2026-11-21 00:59"))


@given(windows, moments)
def test_is_the_level_of_its_minutes(declared: list[ActiveWindow], when: datetime) -> None:
    """Minute by minute from each beginning on, what is not reached is shut."""
    minute = when.weekday() * DAY + when.hour * 60 + when.minute
    reached: set[int] = set()
    for window in declared:
        for day in window.days:
            now = window.start
            while now % DAY != window.end % DAY or now == window.start:
                reached.add((day * DAY + now) % (7 * DAY))
                now += 1
    assert (minute in reached) is open_now(declared, when)


def levels(declared: ActiveWindow, start: datetime, minutes: int) -> list[bool]:
    """Return the level at the beginning of each of so many *minutes* from *start* on."""
    zone, begin = start.tzinfo, start.astimezone(UTC)
    return [open_now([declared], (begin + minute * MINUTE).astimezone(zone)) for minute in range(minutes)]


def test_nights_when_clocks_are_turned() -> None:
    """An hour that is skipped opens nothing, a window that spans it is shortened, and one that comes twice opens twice."""
    skipped = ActiveWindow((6,), 2 * 60, 3 * 60)
    assert not any(levels(skipped, at("2026-03-29 00:00"), 22 * 60))
    assert 60 == sum(levels(skipped, at("2026-04-05 00:00"), 22 * 60))
    spanning = levels(ActiveWindow((6,), 150, 210), at("2026-03-29 01:30"), 120)
    assert [*[False] * 30, *[True] * 30, *[False] * 60] == spanning
    half = levels(ActiveWindow((6,), 120, 150), at("2026-10-25 02:00"), 120)
    assert [*[True] * 30, *[False] * 30] * 2 == half


def test_a_zone_without_rules_is_enough() -> None:
    """The offset of this moment does where the system names no zone."""
    here = timezone(timedelta(hours=5, minutes=45))
    assert not open_now([OFFICE], datetime(2026, 11, 20, 8, 29, tzinfo=here))
    assert open_now([OFFICE], datetime(2026, 11, 20, 8, 30, tzinfo=here))
