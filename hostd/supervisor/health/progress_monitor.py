"""Watches over the progress of one engine while requests wait for it: asks for its slots and measures what it computes.

As long as answers arrive, nothing is asked. `hostd.supervisor.health.progress_tracker` decides what counts.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable

from hostd.domain.profile import Limits
from hostd.domain.progress import EngineProgress, PromptProgress
from hostd.supervisor.health.activity import Activity, computes
from hostd.supervisor.health.progress_tracker import ProgressTracker

LONGEST_PAUSE = 5.0
"""Seconds of silence after which an engine with requests is looked at, and between two looks."""
SHORTEST_PAUSE = 0.25
LOOKS = 4
"""How often an engine is looked at within a limit, so that what is seen is recent when the limit has passed."""
_STALE = 3 * LONGEST_PAUSE
"""Seconds after which a measurement says nothing any more of what the engine does now."""
REPORT_TIMEOUT = 3.0
"""Seconds within which a server reports its progress, or is taken not to."""


class ProgressMonitor:
    """Keeps a `ProgressTracker` for one server.

    *report* returns what the server says of its slots, *activity* what its processes have used. *busy* returns whether requests
    are in flight. *reports* says that the server reports how much of a prompt it has read.
    """

    def __init__(
        self,
        limits: Callable[[], Limits],
        report: Callable[[], Awaitable[EngineProgress | None]],
        activity: Callable[[], Awaitable[Activity]],
        busy: Callable[[], bool],
        *,
        reports: bool = False,
    ) -> None:
        self._limits = limits
        self._report = report
        self._activity = activity
        self._busy = busy
        self._loop = asyncio.get_running_loop()
        self._last: Activity | None = None
        self._sampled_at = 0.0
        self._sampling = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None
        self.tracker = ProgressTracker(limits, self._loop.time(), reports=reports)
        if busy():
            self.begun()

    def begun(self) -> None:
        """Note that a request is in flight: watch until none is."""
        self.tracker.begun(self._loop.time())
        if self._watching is None or self._watching.done():
            self._watching = self._loop.create_task(self._watch(), name="progress monitor")

    def done(self, request: Hashable, *, given_up: bool) -> None:
        """Note that a *request* is over, and whether it was *given_up* before its answer was complete."""
        self.tracker.done(request, given_up=given_up)
        if not self._busy():
            self.tracker.rested()

    def received(self) -> None:
        """Note that something of an answer arrived."""
        self.tracker.received(self._loop.time())

    def expect(self, request: Hashable, tokens: int) -> None:
        """Note about how many tokens the prompt of a *request* has."""
        self.tracker.expect(request, tokens)

    def prompt(self, request: Hashable, progress: PromptProgress) -> None:
        """Note how much of a *request*'s prompt has been read."""
        self.tracker.prompt(request, progress, self._loop.time())

    def close(self) -> None:
        """Watch no more."""
        if self._watching is not None:
            self._watching.cancel()

    async def sign(self) -> float:
        """Return when the engine last showed that it works, after a look at it where the last one is not recent."""
        if self._loop.time() - max(self._sampled_at, self.tracker.alive_at) > SHORTEST_PAUSE:
            await self.sample()
        return self.tracker.alive_at

    async def sample(self) -> None:
        """Look at the engine now; after a while without a look, twice, since only a difference tells whether it computes."""
        async with self._sampling:
            if self._last is None or self._loop.time() - self._last.at > _STALE:
                self._last = await self._activity()
                await asyncio.sleep(SHORTEST_PAUSE)
            report = await self._reported()
            after = await self._activity()
            computed = computes(self._last, after)
            self._last = after
            self._sampled_at = self._loop.time()
            self.tracker.reported(report, self._sampled_at, computes=computed)

    async def _reported(self) -> EngineProgress | None:
        try:
            async with asyncio.timeout(REPORT_TIMEOUT):
                return await self._report()
        except TimeoutError:
            return None

    async def _watch(self) -> None:
        while self._busy() or self.tracker.abandoned:
            pause = self._pause()
            await asyncio.sleep(pause)
            if self.tracker.abandoned or (self._busy() and self._loop.time() - self.tracker.alive_at >= pause):
                await self.sample()
            if not self._busy():
                self.tracker.rested()

    def _pause(self) -> float:
        limits = self._limits()
        shortest = min(limits.first_token_timeout, limits.stall_timeout) / LOOKS
        return max(SHORTEST_PAUSE, min(LONGEST_PAUSE, shortest))
