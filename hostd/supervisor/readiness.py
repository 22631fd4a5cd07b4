"""When an engine is ready: its own health page says so, its model is loaded, and it has made one token.

How long a load takes cannot be known beforehand (a small file from memory, four hundred gigabytes from a slow disk), so there is
no fixed deadline for one that gets on: an engine that logs, grows or computes is loading. One that has done nothing of the
kind for `STUCK` seconds never will be ready. Into a server that is attached to nobody sees: it is well at once or not there,
and what it then takes for its model is its own affair, up to `LONGEST_OPEN`.
"""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp

from hostd.backends.contract import Launch
from hostd.domain.errors import EngineError
from hostd.domain.reason import ExitClass
from hostd.supervisor import health_probe
from hostd.supervisor.log_ring import LogRing
from hostd.supervisor.process_memory import ProcessUsage

STUCK = 30.0
"""Seconds without a log line, more memory or CPU time after which a load is given up."""

LONGEST_LOAD = 1800.0
"""Seconds after which a load is given up although it seems to get on."""

ABSENT = 5.0
"""Seconds after which an attached server that is not healthy counts as one that is not there."""

LONGEST_OPEN = 600.0
"""Seconds after which an attached server that is healthy has taken too long for its first token."""

_LOOK_EVERY = 0.5
_FIRST_POLL = 0.01
_SLOWEST_POLL = 0.25


class Readiness:
    """Waits for one engine to become ready, and knows how far it has got."""

    def __init__(
        self,
        launch: Launch,
        http: aiohttp.ClientSession,
        ring: LogRing,
        usage: Callable[[], ProcessUsage],
        opens: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Take what is to become ready; *opens* has its model loaded where the server itself comes first."""
        self._launch = launch
        self._opens = opens
        self._healthy = False
        self._http = http
        self._ring = ring
        self._usage = usage
        self._rss = 0

    @property
    def progress(self) -> float | None:
        """How much of what the engine will hold is in memory, from 0 to 1; None where that is not known."""
        if self._launch.expected_bytes <= 0:
            return None
        return min(1.0, self._rss / self._launch.expected_bytes)

    async def reached(self, *, embeddings: bool) -> None:
        """Return when the engine is ready.

        Raises:
            EngineError: It is stuck, took too long, cannot load its model, or is healthy but makes no token.
        """
        watching = asyncio.create_task(self._until_stuck() if self._launch.argv else self._until_absent())
        proving = asyncio.create_task(self._prove(embeddings=embeddings))
        try:
            await asyncio.wait({watching, proving}, return_when=asyncio.FIRST_COMPLETED)
            why = await (proving if proving.done() else watching)
        finally:
            for task in (watching, proving):
                task.cancel()
            await asyncio.gather(watching, proving, return_exceptions=True)
        if why is not None:
            # As with a file that is gone, the next variant may do, and the next request looks again.
            absent = not self._launch.argv and not self._healthy
            exit_class = ExitClass.MISSING_FILE if absent else ExitClass.UNKNOWN
            raise EngineError(why, exit_class=exit_class, tail=self._ring.tail())

    async def _prove(self, *, embeddings: bool) -> str | None:
        pause = _FIRST_POLL
        while not await health_probe.healthy(self._http, self._launch.endpoint, self._launch.health):
            await asyncio.sleep(pause)
            pause = min(_SLOWEST_POLL, pause * 1.5)
        self._healthy = True
        if self._opens is not None:
            await self._opens()
        said = await health_probe.one_token(self._http, self._launch.endpoint, embeddings=embeddings)
        return (
            None if said is None else f"the engine says that it is healthy, but failed a one-token request with {said}"
        )

    async def _until_stuck(self) -> str:
        loop = asyncio.get_running_loop()
        began = moved = loop.time()
        seen: tuple[int, int, float] | None = None
        while True:
            usage = await asyncio.to_thread(self._usage)
            self._rss = usage.rss_bytes
            now, signs = loop.time(), (self._ring.count, usage.rss_bytes, usage.cpu_seconds)
            if signs != seen:
                seen, moved = signs, now
            if now - moved >= STUCK:
                return f"the engine never became ready: for {STUCK:g} s it has not logged, grown or computed anything"
            if now - began >= LONGEST_LOAD:
                return f"the engine did not become ready within {LONGEST_LOAD:g} s"
            await asyncio.sleep(_LOOK_EVERY)

    async def _until_absent(self) -> str:
        await asyncio.sleep(ABSENT)
        if not self._healthy:
            return (
                f"no server that is well answers at {self._launch.endpoint.url}: for {ABSENT:g} s its page "
                f"{self._launch.health} has not said 200; start it there, or correct the variant's url"
            )
        await asyncio.sleep(LONGEST_OPEN - ABSENT)
        return f"the server has made no token within {LONGEST_OPEN:g} s"
