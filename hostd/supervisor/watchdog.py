"""Finds the engine whose health page is fine but that no longer answers.

Real traffic is the best sign of life, so nothing is asked while it succeeds. Without any, the engine is asked whether its
inference loop still turns; and when a request has run into a time limit, whether it still makes one token. Two questions in a
row without an answer, and it is wedged: unless it computes, for a slow machine that reads a long prompt answers nobody for a
while; then it is given many times as long.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

BUSY_SHARE = 0.5
"""CPU seconds in a second of clock from which a silent engine counts as one that computes."""


@dataclass(frozen=True, slots=True)
class ProbeTimings:
    """How often to look (seconds), how long to wait for an answer, and how many silences in a row are too many.

    *silences* is for an engine that does nothing, *busy_silences* for one that computes while it is silent.
    """

    interval: float = 15.0
    patience: float = 10.0
    max_silent_probes: int = 2
    max_busy_silent_probes: int = 18


class Watchdog:
    """Watches one engine from its readiness to its end."""

    def __init__(
        self,
        turns: Callable[[], Awaitable[bool]],
        answers: Callable[[], Awaitable[bool]],
        saturated: Callable[[], bool],
        cpu_seconds: Callable[[], Awaitable[float]],
        timings: ProbeTimings,
    ) -> None:
        """Take four questions.

        Does its inference loop turn, does it make one token, are all its slots taken, how much has it computed so far.
        """
        self._turns = turns
        self._answers = answers
        self._saturated = saturated
        self._cpu_seconds = cpu_seconds
        self._timings = timings
        self._loop = asyncio.get_running_loop()
        self._seen = self._loop.time()
        self._suspected = asyncio.Event()

    def progress(self) -> None:
        """Note that real traffic got something out of the engine just now."""
        self._seen = self._loop.time()

    def suspect(self) -> None:
        """Note that a request ran into a time limit: ask now, and for a token."""
        self._suspected.set()

    async def wedged(self) -> str:
        """Return, once the engine no longer answers, a sentence that says how this was found."""
        idle = silent = 0
        while idle < self._timings.max_silent_probes and silent < self._timings.max_busy_silent_probes:
            if silent == 0:
                await self._next_look()
            since, computed = self._loop.time(), await self._cpu_seconds()
            if await self._silent() and self._seen < since:
                silent += 1
                busy = await self._cpu_seconds() - computed >= BUSY_SHARE * (self._loop.time() - since)
                idle = 0 if busy else idle + 1
            else:
                idle = silent = 0
        return (
            f"the engine no longer answers although it runs: {silent} probes in a row were not answered "
            f"within {self._timings.patience:g} s each"
        )

    async def _next_look(self) -> None:
        while True:
            wait = self._seen + self._timings.interval - self._loop.time()
            try:
                async with asyncio.timeout(max(0.0, wait)):
                    await self._suspected.wait()
            except TimeoutError:
                if self._loop.time() < self._seen + self._timings.interval:
                    continue
                # With every slot taken a question would only queue behind the answers; their own time limits watch them.
                if self._saturated():
                    self._seen = self._loop.time()
                    continue
            return

    async def _silent(self) -> bool:
        suspected = self._suspected.is_set()
        self._suspected.clear()
        try:
            async with asyncio.timeout(self._timings.patience):
                if not suspected and await self._turns():
                    self.progress()
                    return False
                if await self._answers():
                    self.progress()
                    return False
        except TimeoutError:
            self._suspected.set()
            return True
        self._suspected.set()
        await asyncio.sleep(self._timings.patience / 10)
        return True


class HealthMonitor:
    """Watches one attached server from its readiness on. Its answers are its owner's business: only health is asked for."""

    def __init__(self, healthy: Callable[[], Awaitable[bool]], timings: ProbeTimings) -> None:
        self._healthy = healthy
        self._timings = timings
        self._loop = asyncio.get_running_loop()
        self._seen = self._loop.time()
        self._suspected = asyncio.Event()

    def progress(self) -> None:
        """Note that a request got something out of the server just now."""
        self._seen = self._loop.time()

    def suspect(self) -> None:
        """Note that a request failed there: look now."""
        self._suspected.set()

    async def wedged(self) -> str:
        """Return, once the server has been away for `ProbeTimings.patience` seconds, a sentence that says so."""
        while True:
            await self._pause()
            silent_since = self._loop.time()
            while not await self._there():
                if self._loop.time() - silent_since >= self._timings.patience:
                    return (
                        f"the server has gone away: its health page has not answered for {self._timings.patience:g} s; "
                        "see that it runs, and hostd will find it again"
                    )
                await asyncio.sleep(self._timings.patience / 10)
            self.progress()

    async def _pause(self) -> None:
        """Wait until nothing has been heard of the server for an interval, or somebody suspects it."""
        while (left := self._seen + self._timings.interval - self._loop.time()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._suspected.wait()
            except TimeoutError:
                continue
            break
        self._suspected.clear()

    async def _there(self) -> bool:
        try:
            async with asyncio.timeout(self._timings.patience):
                return await self._healthy()
        except TimeoutError:
            return False
