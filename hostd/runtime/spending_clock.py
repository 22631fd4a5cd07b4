"""Tells the scheduler what providers have cost since local midnight: from the records at the start, and anew at each midnight."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from hostd.runtime.calendar_clock import local_now
from hostd.scheduling.events import SpendingCounted

_LOOK_EVERY = 60.0
"""Seconds between two looks at the date: a clock may be set, and a laptop may sleep over midnight."""


class SpendingClock:
    """Posts a `SpendingCounted` at its start and whenever a day has begun.

    *spent* returns what each provider has cost since a time (seconds since 1970); it blocks, and runs in a thread.
    """

    def __init__(
        self,
        spent: Callable[[float], Mapping[str, float]],
        post: Callable[[SpendingCounted], None],
        *,
        now: Callable[[], datetime] = local_now,
    ) -> None:
        self._spent = spent
        self._post = post
        self._now = now
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Post what has been spent today, and the beginning of every day from now on; needs the running loop."""
        today = self._now()
        spent = await asyncio.to_thread(self._spent, midnight(today).timestamp())
        self._post(SpendingCounted(dict(spent), _until_midnight(today)))
        self._task = asyncio.get_running_loop().create_task(self._watch(today), name="spending clock")

    async def close(self) -> None:
        """Post nothing any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self, day: datetime) -> None:
        while True:
            await asyncio.sleep(min(_LOOK_EVERY, _until_midnight(self._now())))
            now = self._now()
            if now.date() != day.date():
                day = now
                self._post(SpendingCounted({}, _until_midnight(now)))


def midnight(moment: datetime) -> datetime:
    """Return the beginning of the local day of *moment*."""
    # By the local rules of that hour: a day on which clocks change does not begin at today's offset.
    return moment.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None).astimezone()


def _until_midnight(moment: datetime) -> float:
    """Return the seconds until the next local day begins."""
    tomorrow = midnight(moment + timedelta(days=1))
    return max(0.0, (tomorrow - moment).total_seconds()) + 0.001
