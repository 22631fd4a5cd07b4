"""Posts which models are to be warm at this time of the week: at the beginning of each minute, where that has changed.

Windows begin and end with a minute, and so do hours and offsets from UTC, so no edge falls between two checks. APScheduler is the
alarm clock and nothing else: what holds is computed from the wall clock each time, as a level, so that an alarm that is late or
missed (a laptop that slept, a clock that was set ahead) is made up for within a minute. Where a clock is set back, no alarm goes
off until it is again where it was.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler  # type: ignore[import-untyped]  # it has no types
from apscheduler.triggers.base import BaseTrigger  # type: ignore[import-untyped]  # as above

from hostd.background_tasks import cancel_all
from hostd.domain.catalog import Catalog, ProfileChanges
from hostd.planning.warm_set.calendar import open_now
from hostd.planning.warm_set.demand import LEAD, LOOK_BACK, WeeklyDemand
from hostd.scheduling.events import ScheduleChanged
from hostd.telemetry.history import RequestHistory

log = structlog.get_logger()

# The defaults would drop an alarm that is a second late, and catch up on each one that was slept through.
_JOBS = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}


def local_now() -> datetime:
    """Return the local time, with its offset from UTC."""
    return datetime.now().astimezone()


class Every(BaseTrigger):  # type: ignore[misc]  # as above
    """An alarm at each full *span* since 1970: the next one after now, however many were missed.

    APScheduler's own triggers go through all that were missed one by one. Where a clock without a battery is set right, those are
    the minutes of fifty years, for which the event loop would stand still.
    """

    def __init__(self, span: timedelta) -> None:
        self._span = span.total_seconds()

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:  # noqa: ARG002 - of its base
        """Return when the alarm goes off next."""
        return datetime.fromtimestamp((now.timestamp() // self._span + 1) * self._span, UTC)


class CalendarClock:
    """Posts a `ScheduleChanged` at its start and whenever the open windows or the expected demand have changed since.

    *learn* returns the demand by hour of the week; it blocks, and runs in a thread at the start and every hour.
    """

    def __init__(
        self,
        catalog: Catalog,
        post: Callable[[ScheduleChanged], None],
        learn: Callable[[], WeeklyDemand] = WeeklyDemand,
        *,
        now: Callable[[], datetime] = local_now,
        lead: timedelta = LEAD,
    ) -> None:
        self._catalog = catalog
        self._post = post
        self._learn = learn
        self._now = now
        self._lead = lead
        self._demand = WeeklyDemand()
        self._posted: ScheduleChanged | None = None
        self._learning: asyncio.Task[None] | None = None
        self._alarms = AsyncIOScheduler(timezone=UTC, job_defaults=_JOBS)

    def __repr__(self) -> str:
        opened = 0 if self._posted is None else len(self._posted.windows)
        declared = sum(bool(profile.warm.windows) for profile in self._catalog.profiles.values())
        return f"<CalendarClock: {opened} of {declared} models in a window now, {self._demand!r}>"

    def start(self) -> None:
        """Post what holds now, and every change from now on; needs the running loop."""
        self._alarms.start()
        # A job that is no coroutine would run in a thread; these return at once, so that no shutdown finds one under way.
        self._alarms.add_job(self._minute, Every(timedelta(minutes=1)), id="minute")
        self._alarms.add_job(self._hour, Every(timedelta(hours=1)), id="hour")
        self.check()
        self.learn()

    async def close(self) -> None:
        """Stop the alarms; nothing is posted afterwards."""
        await cancel_all(self._learning)
        if self._alarms.running:
            self._alarms.shutdown(wait=False)
            # It shuts down in a callback of the loop.
            await asyncio.sleep(0)

    def check(self) -> None:
        """Post the windows and the demand of this minute if they differ from those that were posted last."""
        now = self._now()
        profiles = self._catalog.profiles.values()
        windows = frozenset(profile.name for profile in profiles if open_now(profile.warm.windows, now))
        changed = ScheduleChanged(windows, self._demand.wanted(now, self._lead))
        if changed != self._posted:
            self._posted = changed
            self._post(changed)

    def apply(self, changes: ProfileChanges) -> None:  # noqa: ARG002 - the windows are read anew in any case
        """Post what holds by changed profiles."""
        self.check()

    def learn(self) -> None:
        """Learn the demand anew in a thread, then check; once at a time."""
        if self._learning is None or self._learning.done():
            self._learning = asyncio.get_running_loop().create_task(self._learn_and_check())

    async def _learn_and_check(self) -> None:
        try:
            self._demand = await asyncio.to_thread(self._learn)
        except Exception:
            # The demand that was learnt before still holds; requests are served without any.
            log.exception("bug", what="demand could not be learnt")
        self.check()

    async def _minute(self) -> None:
        self.check()

    async def _hour(self) -> None:
        self.learn()


def weekly_demand(history: RequestHistory, now: Callable[[], datetime] = local_now) -> WeeklyDemand:
    """Return the demand in *history* by hour of the week, in the time zone of *now*. Blocks while the database is read."""
    today = now()
    since = today - timedelta(days=LOOK_BACK + 1)
    return WeeklyDemand.of(history.hours(since.timestamp()), today.toordinal())
