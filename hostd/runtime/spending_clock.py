"""Tells the scheduler what owners of budgets have used up: from the records at the start, and of each day as it begins."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from hostd.background_tasks import cancel_all
from hostd.domain.budget import Account, Amounts, CountedUse
from hostd.runtime.calendar_clock import local_now
from hostd.scheduling.events import DayBegan, SpendingCounted
from hostd.scheduling.usage import MINUTE

_LOOK_EVERY = 60.0
"""Seconds between two looks at the date: a clock may be set, and a laptop may sleep over midnight."""


class UsageRecords(Protocol):
    """What was used up before, times in seconds since 1970; both questions block."""

    def used(self, day: float, month: float) -> Mapping[Account, CountedUse]:
        """Return what each owner has used up from *day* and from *month* on."""

    def used_lately(self, since: float) -> list[tuple[Account, float, Amounts]]:
        """Return what was used up from *since* on, each with its time."""


class SpendingClock:
    """Posts a `SpendingCounted` at its start, and a `DayBegan` whenever a day has begun; reads *records* in a thread."""

    def __init__(
        self,
        records: UsageRecords,
        post: Callable[[SpendingCounted | DayBegan], None],
        *,
        now: Callable[[], datetime] = local_now,
    ) -> None:
        self._records = records
        self._post = post
        self._now = now
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Post what has been used up, and the beginning of every day from now on; needs the running loop."""
        now = self._now()
        self._post(await asyncio.to_thread(self._read, now))
        self._task = asyncio.get_running_loop().create_task(self._watch(now), name="spending clock")

    def _read(self, now: datetime) -> SpendingCounted:
        moment = now.timestamp()
        used = self._records.used(midnight(now).timestamp(), midnight(now.replace(day=1)).timestamp())
        lately = self._records.used_lately(moment - MINUTE)
        recent = tuple((account, max(0.0, moment - at), amounts) for account, at, amounts in lately)
        return SpendingCounted(dict(used), _until_midnight(now), _until_next_month(now), recent)

    async def close(self) -> None:
        """Post nothing any more."""
        await cancel_all(self._task)

    async def _watch(self, day: datetime) -> None:
        while True:
            await asyncio.sleep(min(_LOOK_EVERY, _until_midnight(self._now())))
            now = self._now()
            if now.date() != day.date():
                is_month = (now.year, now.month) != (day.year, day.month)
                day = now
                self._post(DayBegan(_until_midnight(now), _until_next_month(now), is_month))


def midnight(moment: datetime) -> datetime:
    """Return the beginning of the local day of *moment*."""
    # By the local rules of that hour: a day on which clocks change does not begin at today's offset.
    return moment.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None).astimezone()


def _until_midnight(moment: datetime) -> float:
    """Return the seconds until the next local day begins."""
    tomorrow = midnight(moment + timedelta(days=1))
    return max(0.0, (tomorrow - moment).total_seconds()) + 0.001


def _until_next_month(moment: datetime) -> float:
    """Return the seconds until the next local month begins."""
    following = midnight((moment.replace(day=1) + timedelta(days=32)).replace(day=1))
    return max(0.0, (following - moment).total_seconds()) + 0.001
