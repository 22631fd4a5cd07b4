"""Looks at the calendar when it may have turned a page, and tells the desk what is to be warm now.

APScheduler is the alarm clock and nothing else. What holds is asked of the clock on the wall each time, as a level, so that an
alarm that is late, early or missed (a laptop that slept, a clock that was set) changes nothing for longer than a minute.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler  # type: ignore[import-untyped]  # it has no types
from apscheduler.triggers.date import DateTrigger  # type: ignore[import-untyped]  # as above
from apscheduler.triggers.interval import IntervalTrigger  # type: ignore[import-untyped]  # as above

from hostd.domain.profile import ActiveWindow, Profile
from hostd.planning.warm_set.calendar import next_edge, open_now
from hostd.planning.warm_set.demand import LEAD, LOOK_BACK, WeeklyDemand
from hostd.scheduling.events import ScheduleChanged
from hostd.telemetry.history import RequestHistory

log = structlog.get_logger()

_HOUR = timedelta(hours=1)
# The defaults would skip what comes a second late, and catch up on each alarm that was slept through.
_JOBS = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}


def local_now() -> datetime:
    """Return the time on the wall, with its distance from UTC."""
    return datetime.now().astimezone()


class CalendarClock:
    """Posts a `ScheduleChanged` at its start and whenever the windows or the demand have changed since.

    *learn* returns the habits in what is on record; it blocks, and runs in a thread at the start and every hour.
    """

    def __init__(
        self,
        profiles: Mapping[str, Profile],
        post: Callable[[ScheduleChanged], None],
        learn: Callable[[], WeeklyDemand] = WeeklyDemand,
        *,
        now: Callable[[], datetime] = local_now,
        lead: timedelta = LEAD,
    ) -> None:
        self._windows: dict[str, tuple[ActiveWindow, ...]] = {
            name: profile.warm.windows for name, profile in profiles.items() if profile.warm.windows
        }
        self._post = post
        self._learn = learn
        self._now = now
        self._lead = lead
        self._habits = WeeklyDemand()
        self._told: ScheduleChanged | None = None
        self._learning: asyncio.Task[None] | None = None
        self._clock = AsyncIOScheduler(timezone=UTC, job_defaults=_JOBS)

    def __repr__(self) -> str:
        windows = 0 if self._told is None else len(self._told.windows)
        return f"<Agenda: {windows} of {len(self._windows)} models in a window now, {self._habits!r}>"

    def start(self) -> None:
        """Tell what holds now, and go on from there; needs the running loop."""
        self._clock.start()
        # A job that is no coroutine would run in a thread; these return at once, so that no shutdown finds one under way.
        self._clock.add_job(self._look, IntervalTrigger(seconds=60, timezone=UTC), id="minute")
        self._clock.add_job(self._study, IntervalTrigger(hours=1, timezone=UTC), id="hour")
        self.look()
        self.study()

    async def close(self) -> None:
        """Set no more alarms."""
        if self._learning is not None:
            self._learning.cancel()
            await asyncio.gather(self._learning, return_exceptions=True)
        if self._clock.running:
            self._clock.shutdown(wait=False)
            # It goes down in a callback of the loop.
            await asyncio.sleep(0)

    def look(self) -> None:
        """Post what holds now if that is news, and set the alarm for when it may change next."""
        now = self._now()
        windows = frozenset(name for name, windows in self._windows.items() if open_now(windows, now))
        turned = ScheduleChanged(windows, self._habits.wanted(now, self._lead))
        self._set_alarm(now)
        if turned != self._told:
            self._told = turned
            self._post(turned)

    def study(self) -> None:
        """Learn anew what is usual, in a thread; then look again."""
        if self._learning is None or self._learning.done():
            self._learning = asyncio.get_running_loop().create_task(self._learn_and_look())

    async def _learn_and_look(self) -> None:
        try:
            self._habits = await asyncio.to_thread(self._learn)
        except Exception:
            # The last habits still hold; whoever asks for a model gets it without any.
            log.exception("bug", what="habits could not be learnt")
        self.look()

    async def _look(self) -> None:
        self.look()

    async def _study(self) -> None:
        self.study()

    def _set_alarm(self, now: datetime) -> None:
        """Have the alarm ring when a window opens or closes, or an hour counts that did not before."""
        edges = [edge for windows in self._windows.values() if (edge := next_edge(windows, now))]
        soonest = min(
            edge.astimezone(UTC) for edge in [*edges, _minute_of(now), _minute_of(now + self._lead) - self._lead]
        )
        # As a distance: the alarm clock's own time need not be the one that is looked at.
        at = datetime.now(UTC) + (soonest - now.astimezone(UTC))
        self._clock.add_job(self._look, DateTrigger(at), id="edge", replace_existing=True)


def weekly_demand(history: RequestHistory, now: Callable[[], datetime] = local_now) -> WeeklyDemand:
    """Return the habits that *history* tells of, by the clock that *now* reads. Blocks for as long as reading takes."""
    today = now()
    since = today - timedelta(days=LOOK_BACK + 1)
    return WeeklyDemand.of(history.hours(since.timestamp()), today.toordinal())


def _minute_of(when: datetime) -> datetime:
    """Return when the next hour begins."""
    return when.replace(minute=0, second=0, microsecond=0) + _HOUR
