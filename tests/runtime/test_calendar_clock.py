"""The calendar's pages are turned in time."""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest_asyncio
import structlog

from hostd.domain.profile import ActiveWindow, Profile, WarmSettings
from hostd.planning.warm_set.demand import HourlyCount, WeeklyDemand
from hostd.runtime.calendar_clock import CalendarClock, local_now, weekly_demand
from hostd.scheduling.events import ScheduleChanged
from hostd.telemetry.database import Database
from hostd.telemetry.history import RequestHistory
from tests.stage import until
from tests.telemetry.example_records import request

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = ActiveWindow((0, 1, 2, 3, 4), 510, 1080)
FRIDAY = datetime(2026, 11, 20, tzinfo=BERLIN)
TODAY = FRIDAY.toordinal()
USUAL = WeeklyDemand.of([HourlyCount("usual", TODAY - ago, 9, 5) for ago in (7, 14)], TODAY)


class _Wall:
    """A clock that goes on by itself from where it is set."""

    def __init__(self) -> None:
        self.set(FRIDAY)

    def set(self, when: datetime) -> None:
        self._when, self._since = when, datetime.now(UTC)

    def now(self) -> datetime:
        return self._when + (datetime.now(UTC) - self._since)


class _Open:
    """An agenda at work, its clock, and what it has posted."""

    def __init__(self, learn: Callable[[], WeeklyDemand] = WeeklyDemand) -> None:
        self.wall = _Wall()
        self.posted: list[ScheduleChanged] = []
        profiles = {
            "office": Profile("office", (), warm=WarmSettings(windows=(OFFICE,))),
            "usual": Profile("usual", ()),
        }
        self.agenda = CalendarClock(profiles, self.posted.append, learn, now=self.wall.now)

    def at(self, hour: int, minute: int, second: int = 0) -> None:
        """Set the clock."""
        self.wall.set(FRIDAY.replace(hour=hour, minute=minute, second=second))


@pytest_asyncio.fixture
async def opened() -> AsyncIterator[Callable[..., _Open]]:
    """Makes agendas, and closes them."""
    made: list[_Open] = []

    def make(*given: Callable[[], WeeklyDemand]) -> _Open:
        made.append(_Open(*given))
        return made[-1]

    yield make
    for each in made:
        await each.agenda.close()


async def test_tells_what_holds_at_its_start(opened: Callable[..., _Open]) -> None:
    """A start within a window finds it open, and one without anything to tell says that too; habits follow once learnt."""
    within, without = opened(lambda: USUAL), opened()
    within.at(8, 50)
    within.agenda.start()
    without.agenda.start()
    assert [ScheduleChanged(frozenset({"office"}))] == within.posted
    assert [ScheduleChanged()] == without.posted
    await until(lambda: len(within.posted) == 2)
    assert ScheduleChanged(frozenset({"office"}), {"usual": 5.0}) == within.posted[-1]
    assert "<Agenda: 1 of 1 models in a window now, <Habits of 1 models in 1 hours of the week>>" == repr(within.agenda)


async def test_posts_news_only(opened: Callable[..., _Open]) -> None:
    """Looking twice at the same level posts once; the demand of an hour comes before it and goes with it."""
    stage = opened(lambda: USUAL)
    stage.at(7, 0)
    stage.agenda.start()
    await until(lambda: "<Habits of 1 models" in repr(stage.agenda))
    for hour, minute in ((8, 29), (8, 30), (8, 44), (8, 45), (8, 46), (9, 59), (10, 0), (17, 59), (18, 0), (23, 0)):
        stage.at(hour, minute)
        stage.agenda.look()
        stage.agenda.look()
    office = frozenset({"office"})
    told = [(turned.windows, dict(turned.demand)) for turned in stage.posted]
    usual = {"usual": 5.0}
    assert [(frozenset(), {}), (office, {}), (office, usual), (office, {}), (frozenset(), {})] == told


async def test_the_alarm_rings_at_an_edge(opened: Callable[..., _Open]) -> None:
    """A window that opens in a moment is told of in a moment, not at the next minute; likewise one that shuts."""
    stage = opened()
    stage.wall.set(FRIDAY.replace(hour=8, minute=29, second=59, microsecond=900_000))
    stage.agenda.start()
    await until(lambda: len(stage.posted) == 2, 5)
    assert [frozenset(), frozenset({"office"})] == [turned.windows for turned in stage.posted]
    stage.wall.set(FRIDAY.replace(hour=17, minute=59, second=59, microsecond=900_000))
    stage.agenda.look()
    await until(lambda: len(stage.posted) == 3, 5)
    assert frozenset() == stage.posted[-1].windows


async def test_sets_the_alarm_for_the_next_change(opened: Callable[..., _Open]) -> None:
    """A window's edge or the quarter before an hour, whichever comes first, and every minute besides; none is ever skipped."""
    stage = opened()
    for hour, minute, seconds in ((8, 20, 600), (8, 31, 14 * 60), (8, 50, 600), (23, 50, 600)):
        stage.at(hour, minute)
        (stage.agenda.look if stage.posted else stage.agenda.start)()
        jobs = {job.id: job for job in stage.agenda._clock.get_jobs()}  # what it is made of is the point
        assert {"minute", "hour", "edge"} == set(jobs)
        assert abs(jobs["edge"].next_run_time - datetime.now(UTC) - timedelta(seconds=seconds)) < timedelta(seconds=2)
        assert (timedelta(seconds=60), timedelta(hours=1)) == (
            jobs["minute"].trigger.interval,
            jobs["hour"].trigger.interval,
        )
        assert {(None, True, 1)} == {(j.misfire_grace_time, j.coalesce, j.max_instances) for j in jobs.values()}


async def test_learning_blocks_nobody(opened: Callable[..., _Open]) -> None:
    """It happens in a thread, one at a time; what cannot be learnt is logged, and the last habits hold."""
    free, calls = threading.Event(), []

    def learn() -> WeeklyDemand:
        calls.append(threading.current_thread())
        assert free.wait(10)
        if len(calls) > 1:
            raise OSError("no")
        return USUAL

    stage = opened(learn)
    stage.at(9, 0)
    stage.agenda.start()
    stage.agenda.study()
    assert [ScheduleChanged(frozenset({"office"}))] == stage.posted
    free.set()
    await until(lambda: len(stage.posted) == 2)
    with structlog.testing.capture_logs() as said:
        stage.agenda.study()
        await until(lambda: said)
    assert [("bug", "habits could not be learnt")] == [(line["event"], line["what"]) for line in said]
    assert threading.main_thread() not in calls
    assert (2, {"usual": 5.0}) == (len(calls), stage.posted[-1].demand)


async def test_closes_at_any_time(opened: Callable[..., _Open]) -> None:
    """Before its start, twice, and while it learns; it posts nothing afterwards."""
    stage = opened()
    await stage.agenda.close()
    stage.agenda.start()
    await stage.agenda.close()
    await stage.agenda.close()
    assert [ScheduleChanged()] == stage.posted


def test_learns_from_the_records(tmp_path: Path) -> None:
    """Requests on record become habits of the hour on the wall."""
    path = tmp_path / "ledger.sqlite"
    nine = FRIDAY.replace(hour=9)
    with closing(Database(path)) as ledger:
        ledger.write([request((nine - timedelta(weeks=weeks)).timestamp()) for weeks in (1, 2, 2) for _ in range(2)])
    local = nine.astimezone()
    demand = weekly_demand(RequestHistory(path), lambda: local)
    assert {"alpha": demand.expected("alpha", local.weekday() * 24 + local.hour)} == demand.wanted(local)
    assert 2.0 < demand.expected("alpha", local.weekday() * 24 + local.hour) < 4.0


def test_reads_the_clock_on_the_wall() -> None:
    """The time is local and knows its distance from UTC."""
    assert abs(local_now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert local_now().utcoffset() is not None
