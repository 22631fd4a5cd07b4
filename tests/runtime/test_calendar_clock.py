"""``hostd.runtime.calendar_clock``: windows and demand are posted when they change."""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest_asyncio
import structlog

from hostd.domain.catalog import Catalog, ProfileChanges
from hostd.domain.profile import Profile, Settings, WarmSettings
from hostd.domain.schedule import ActiveWindow
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


class _Opened:
    """A calendar clock at work, the time that it reads, and what it has posted."""

    def __init__(self, learn: Callable[[], WeeklyDemand] = WeeklyDemand) -> None:
        self.now = FRIDAY
        self.posted: list[ScheduleChanged] = []
        office = Profile("office", (), warm=WarmSettings(windows=(OFFICE,)))
        self.catalog = Catalog(Settings(profiles={"office": office, "usual": Profile("usual", ())}))
        self.clock = CalendarClock(self.catalog, self.posted.append, learn, now=lambda: self.now)

    def at(self, hour: int, minute: int, second: int = 0) -> None:
        """Set the time."""
        self.now = FRIDAY.replace(hour=hour, minute=minute, second=second)


@pytest_asyncio.fixture
async def opened() -> AsyncIterator[Callable[..., _Opened]]:
    """Makes calendar clocks, and closes them."""
    made: list[_Opened] = []

    def make(*given: Callable[[], WeeklyDemand]) -> _Opened:
        made.append(_Opened(*given))
        return made[-1]

    yield make
    for each in made:
        await each.clock.close()


async def test_posts_what_holds_at_its_start(opened: Callable[..., _Opened]) -> None:
    """A start within a window finds it open, and one without any posts that too; demand follows once it is learnt."""
    within, without = opened(lambda: USUAL), opened()
    within.at(8, 50)
    within.clock.start()
    without.clock.start()
    assert [ScheduleChanged(frozenset({"office"}))] == within.posted
    assert [ScheduleChanged()] == without.posted
    await until(lambda: len(within.posted) == 2)
    assert ScheduleChanged(frozenset({"office"}), {"usual": 5.0}) == within.posted[-1]
    assert repr(within.clock).startswith("<CalendarClock: 1 of 1 models in a window now, ")


async def test_posts_changes_only(opened: Callable[..., _Opened]) -> None:
    """The same level is posted once; the demand of an hour is posted a quarter of an hour before it, and ends with it."""
    stage = opened(lambda: USUAL)
    stage.at(7, 0)
    stage.clock.start()
    await until(lambda: "of 1 models in 1 hours" in repr(stage.clock))
    for hour, minute in ((8, 29), (8, 30), (8, 44), (8, 45), (8, 46), (9, 59), (10, 0), (17, 59), (18, 0), (23, 0)):
        stage.at(hour, minute)
        stage.clock.check()
        stage.clock.check()
    office = frozenset({"office"})
    posted = [(changed.windows, dict(changed.demand)) for changed in stage.posted]
    usual = {"usual": 5.0}
    assert [(frozenset(), {}), (office, {}), (office, usual), (office, {}), (frozenset(), {})] == posted


async def test_changed_windows_hold_at_once(opened: Callable[..., _Opened]) -> None:
    """The catalogue answers for them at each check."""
    stage = opened()
    stage.at(12, 0)
    stage.clock.start()
    stage.catalog.settings = Settings(profiles={"usual": Profile("usual", (), warm=WarmSettings(windows=(OFFICE,)))})
    stage.clock.apply(ProfileChanges((), ("usual",), ("office",)))
    assert [frozenset({"office"}), frozenset({"usual"})] == [changed.windows for changed in stage.posted]


async def test_checks_at_the_beginning_of_each_minute(opened: Callable[..., _Opened]) -> None:
    """Every edge is on a minute, so none is told of late; an alarm that is late is neither dropped nor repeated."""
    stage = opened()
    stage.clock.start()
    jobs = {job.id: job for job in stage.clock._alarms.get_jobs()}  # what it is made of is the point
    assert {"minute", "hour"} == set(jobs)
    assert {(None, True, 1)} == {(job.misfire_grace_time, job.coalesce, job.max_instances) for job in jobs.values()}
    minute, hour = jobs["minute"].trigger, jobs["hour"].trigger
    opens = FRIDAY.replace(hour=8, minute=30).astimezone(UTC)
    assert opens == minute.get_next_fire_time(None, opens - timedelta(milliseconds=100))
    # On the night when clocks are turned back, too: 02:30 comes twice, and UTC knows no such hour.
    turned = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN).astimezone(UTC)
    assert turned == minute.get_next_fire_time(turned - timedelta(minutes=1), turned - timedelta(seconds=1))
    assert opens.replace(hour=8, minute=0) == hour.get_next_fire_time(None, opens)


async def test_a_clock_that_is_set_right_goes_through_no_missed_minutes(opened: Callable[..., _Opened]) -> None:
    """A machine without a battery begins in 1970: the alarm goes off once, and next in the minute after now."""
    stage = opened()
    stage.clock.start()
    for job in stage.clock._alarms.get_jobs():  # what it is made of is the point
        job.modify(next_run_time=datetime(1970, 1, 1, tzinfo=UTC))
        assert 1 == len(job._get_run_times(datetime.now(UTC)))
    stage.clock._alarms.wakeup()
    await until(lambda: all(job.next_run_time > datetime.now(UTC) for job in stage.clock._alarms.get_jobs()), 2.0)


async def test_learns_in_a_thread(opened: Callable[..., _Opened]) -> None:
    """One at a time, while the loop goes on; what cannot be learnt is logged, and what was learnt before holds."""
    free, calls = threading.Event(), []

    def learn() -> WeeklyDemand:
        calls.append(threading.current_thread())
        assert free.wait(10)
        if len(calls) > 1:
            raise OSError("no")
        return USUAL

    stage = opened(learn)
    stage.at(9, 0)
    stage.clock.start()
    stage.clock.learn()
    assert [ScheduleChanged(frozenset({"office"}))] == stage.posted
    free.set()
    await until(lambda: len(stage.posted) == 2)
    with structlog.testing.capture_logs() as said:
        stage.clock.learn()
        await until(lambda: said)
    assert [("bug", "demand could not be learnt")] == [(line["event"], line["what"]) for line in said]
    assert threading.main_thread() not in calls
    assert (2, {"usual": 5.0}) == (len(calls), stage.posted[-1].demand)


async def test_closes_at_any_time(opened: Callable[..., _Opened]) -> None:
    """Before its start, twice, and while it learns; it posts nothing afterwards."""
    stage = opened()
    await stage.clock.close()
    stage.clock.start()
    await stage.clock.close()
    await stage.clock.close()
    assert [ScheduleChanged()] == stage.posted


def test_learns_from_the_records(tmp_path: Path) -> None:
    """Requests on record become the demand of their local hour."""
    path = tmp_path / "ledger.sqlite"
    nine = FRIDAY.replace(hour=9)
    with closing(Database(path)) as ledger:
        ledger.write([request((nine - timedelta(weeks=weeks)).timestamp()) for weeks in (1, 2, 2) for _ in range(2)])
    local = nine.astimezone()
    demand = weekly_demand(RequestHistory(path), lambda: local)
    assert {"alpha": demand.expected("alpha", local.weekday() * 24 + local.hour)} == demand.wanted(local)
    assert 2.0 < demand.expected("alpha", local.weekday() * 24 + local.hour) < 4.0


def test_reads_the_local_time() -> None:
    """It carries its offset from UTC."""
    assert abs(local_now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert local_now().utcoffset() is not None
