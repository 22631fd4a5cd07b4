"""Finds an engine whose health page is fine but that no longer answers, and an attached server that no longer runs.

Successful requests are the best sign of life, so nothing is probed while they come. Without any, the probe asks whether the
engine's inference loop still turns; after a request ran into a time limit, whether it still generates one token. An engine that
leaves two probes in a row unanswered is wedged, unless it computes: a slow machine that prefills a long prompt answers no probe
for a while. A computing engine is wedged once it has made no token for longer than its work could explain.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hostd.supervisor.health.activity import Activity, computes
from hostd.supervisor.health.progress_tracker import ProgressTracker
from hostd.supervisor.process.own_limits import want_now


@dataclass(frozen=True, slots=True)
class ProbeTimings:
    """How often to probe and how long to wait for an answer (seconds), and how many silent probes in a row are too many.

    *max_silent_probes* is for an engine that does nothing; of one that computes, its `ProgressTracker` decides.
    """

    interval: float = 15.0
    patience: float = 10.0
    max_silent_probes: int = 2


class Watchdog:
    """Probes one engine from its readiness to its end. *computes* says of a wedged one that it is busy with what it was asked."""

    def __init__(
        self,
        turns: Callable[[], Awaitable[bool]],
        answers: Callable[[], Awaitable[bool]],
        saturated: Callable[[], bool],
        activity: Callable[[], Awaitable[Activity]],
        tracker: ProgressTracker,
        timings: ProbeTimings,
    ) -> None:
        """Probe by *turns* (the inference loop turns) or *answers* (the engine generates one token).

        *saturated* tells whether all slots are taken, *activity* how much the engine has computed so far, *tracker* whether it
        has gone without a token for too long.
        """
        self._turns = turns
        self._answers = answers
        self._saturated = saturated
        self._activity = activity
        self._tracker = tracker
        self._timings = timings
        self._loop = asyncio.get_running_loop()
        self._seen = self._probed_at = self._loop.time()
        self._suspected = asyncio.Event()
        self.computes = False

    def progress(self) -> None:
        """Note that a token arrived from the engine just now."""
        self._seen = self._loop.time()
        self._tracker.received(self._seen)

    def suspect(self) -> None:
        """Note that a request ran into a time limit: probe now, and for a token."""
        self._suspected.set()

    async def wedged(self) -> str:
        """Return, once the engine no longer answers, a sentence on how this was found."""
        idle = silent = 0
        while True:
            if silent == 0:
                await self._next_probe()
            since, before = self._loop.time(), await self._activity()
            # The probe is work, too: an engine that rested is not blamed for its silence before.
            self._tracker.begun(since)
            self._probed_at = since
            # A request that succeeded during the probe disproves it.
            # Nor is an engine silent that hostd cannot open a connection to.
            if not await self._silent() or self._seen >= since or want_now() is not None:
                idle = silent = 0
                continue
            silent += 1
            busy, now = computes(before, await self._activity()), self._loop.time()
            idle = 0 if busy else idle + 1
            if idle >= self._timings.max_silent_probes:
                break
            if busy and self._tracker.overdue(now):
                self.computes = True
                return f"the engine computes and answers nothing: {self._tracker.why(now)}"
        return (
            f"the engine no longer answers although it runs: {silent} probes in a row were not answered "
            f"within {self._timings.patience:g} s each"
        )

    async def _next_probe(self) -> None:
        while True:
            wait = self._seen + self._timings.interval - self._loop.time()
            try:
                async with asyncio.timeout(max(0.0, wait)):
                    await self._suspected.wait()
            except TimeoutError:
                if self._loop.time() < self._seen + self._timings.interval:
                    continue
                # With every slot taken a probe would only queue behind the requests, whose own time limits watch the engine;
                # but one that does not compute works on none of them.
                if self._saturated() and not self._tracker.is_still:
                    self._seen = self._loop.time()
                    continue
            return

    async def _silent(self) -> bool:
        suspected = self._suspected.is_set()
        self._suspected.clear()
        try:
            async with asyncio.timeout(self._timings.patience):
                if not suspected and await self._turns():
                    # No token: the requests in flight may still have stopped to get any.
                    self._seen = self._loop.time()
                    self._tracker.turned(self._probed_at)
                    return False
                if await self._answers():
                    self._seen = self._loop.time()
                    self._tracker.probed(self._probed_at, self._seen)
                    return False
        except TimeoutError:
            # From the first silent probe on, only a token proves that the engine answers.
            self._suspected.set()
            return True
        self._suspected.set()
        # A refused probe returns at once; without a pause the limit of silent probes would be reached in milliseconds.
        await asyncio.sleep(self._timings.patience / 10)
        return True


class HealthMonitor:
    """Watches the health page of one attached server; a token is not asked for, since its owner may keep it busy.

    *computes* as in `Watchdog`: of a server that has gone away it is never known.
    """

    def __init__(self, healthy: Callable[[], Awaitable[bool]], timings: ProbeTimings) -> None:
        self._healthy = healthy
        self._timings = timings
        self._loop = asyncio.get_running_loop()
        self._seen = self._loop.time()
        self._suspected = asyncio.Event()
        self.computes = False

    def progress(self) -> None:
        """Note that a request received something from the server just now."""
        self._seen = self._loop.time()

    def suspect(self) -> None:
        """Note that a request failed there: probe now."""
        self._suspected.set()

    async def wedged(self) -> str:
        """Return, once the health page has not answered for `ProbeTimings.patience` seconds, a sentence that says so."""
        while True:
            await self._pause()
            silent_since = self._loop.time()
            while not await self._is_healthy() and want_now() is None:
                if self._loop.time() - silent_since >= self._timings.patience:
                    return (
                        f"the server has gone away: its health page has not answered for {self._timings.patience:g} s; "
                        "see that it runs, and hostd will find it again"
                    )
                await asyncio.sleep(self._timings.patience / 10)
            self.progress()

    async def _pause(self) -> None:
        """Wait until no request has succeeded for an interval, or one has failed."""
        while (left := self._seen + self._timings.interval - self._loop.time()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._suspected.wait()
            except TimeoutError:
                continue
            break
        self._suspected.clear()

    async def _is_healthy(self) -> bool:
        try:
            async with asyncio.timeout(self._timings.patience):
                return await self._healthy()
        except TimeoutError:
            return False


class FailureMonitor(HealthMonitor):
    """Looks at the health page only when a request has failed: of a server that is paid for, and may be asked only so often."""

    async def _pause(self) -> None:
        await self._suspected.wait()
        self._suspected.clear()
