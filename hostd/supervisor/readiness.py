"""When a server is ready: its health page says so, its model is loaded, and it has generated one token.

How long a load takes cannot be known beforehand (a small file from memory, four hundred gigabytes from a slow disk), so there is
no fixed deadline while it progresses: an engine that logs, grows or computes is loading. One that has done none of these for
`STUCK` seconds never will be ready. Nothing of this can be seen of an attached server: it is well at once or not running, and
whatever it then needs to load its model is its own affair, up to `LONGEST_OPEN`.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine

import aiohttp

from hostd.backends.contract import Attachment, Launch
from hostd.domain.errors import EngineError
from hostd.domain.reason import ExitClass
from hostd.supervisor import health_probe
from hostd.supervisor.log_ring import LogRing
from hostd.supervisor.process_memory import ProcessUsage

STUCK = 30.0
"""Seconds without a log line, more memory or CPU time after which a load is given up."""

LONGEST_LOAD = 1800.0
"""Seconds after which a load is given up although it seems to progress."""

ABSENT = 5.0
"""Seconds after which an attached server that is not healthy counts as not running."""

LONGEST_OPEN = 600.0
"""Seconds after which an attached server that is healthy has taken too long for its first token."""

_LOOK_EVERY = 0.5
_FIRST_POLL = 0.01
_SLOWEST_POLL = 0.25


async def first_completed(**contenders: Coroutine[object, object, object]) -> tuple[str, object]:
    """Return the name and the result of the contender that is done first; the others are cancelled and waited for.

    When several are done at once, the one named first wins. What the winner raises is raised.
    """
    tasks = {asyncio.create_task(contender): name for name, contender in contenders.items()}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    winner = next(task for task in tasks if task in done)
    return tasks[winner], winner.result()


class Readiness(ABC):
    """Waits for one server to become ready; *loads* has it load its model once it is healthy."""

    def __init__(
        self,
        launch: Launch | Attachment,
        http: aiohttp.ClientSession,
        ring: LogRing,
        loads: Callable[[], Awaitable[None]],
    ) -> None:
        self._launch = launch
        self._http = http
        self._ring = ring
        self._loads = loads
        self._healthy = False

    @property
    def progress(self) -> float | None:
        """How much of what the server will hold is in memory, from 0 to 1; None where that is not known."""
        return None

    async def reached(self, *, embeddings: bool) -> None:
        """Return when the server is ready.

        Raises:
            EngineError: It is stuck or not running, took too long, cannot load its model, or is healthy but makes no token.
        """
        _, failed = await first_completed(proved=self._prove(embeddings=embeddings), given_up=self._give_up())
        if isinstance(failed, EngineError):
            raise failed

    @abstractmethod
    async def _give_up(self) -> EngineError:
        """Return why waiting has become pointless, once it has."""

    async def _prove(self, *, embeddings: bool) -> EngineError | None:
        # Small models load in a fraction of a second, large ones in minutes: the pauses grow with the wait.
        pause = _FIRST_POLL
        while not await health_probe.healthy(self._http, self._launch.endpoint, self._launch.health):
            await asyncio.sleep(pause)
            pause = min(_SLOWEST_POLL, pause * 1.5)
        self._healthy = True
        await self._loads()
        said = await health_probe.one_token(self._http, self._launch.endpoint, embeddings=embeddings)
        if said is None:
            return None
        return self._error(f"the engine says that it is healthy, but failed a one-token request with {said}")

    def _error(self, why: str, exit_class: ExitClass = ExitClass.UNKNOWN) -> EngineError:
        return EngineError(why, exit_class=exit_class, tail=self._ring.tail())


class EngineReadiness(Readiness):
    """Waits for a load as long as it progresses; *usage* measures the engine's processes."""

    _launch: Launch

    def __init__(
        self,
        launch: Launch,
        http: aiohttp.ClientSession,
        ring: LogRing,
        loads: Callable[[], Awaitable[None]],
        usage: Callable[[], ProcessUsage],
    ) -> None:
        super().__init__(launch, http, ring, loads)
        self._usage = usage
        self._rss = 0

    @property
    def progress(self) -> float | None:
        """How much of what the engine will hold is in memory, from 0 to 1; None where that is not known."""
        if self._launch.expected_bytes <= 0:
            return None
        return min(1.0, self._rss / self._launch.expected_bytes)

    async def _give_up(self) -> EngineError:
        loop = asyncio.get_running_loop()
        began = moved = loop.time()
        seen: tuple[int, int, float] | None = None
        while True:
            # In a thread: walking the processes takes milliseconds, more on a machine with thousands.
            usage = await asyncio.to_thread(self._usage)
            self._rss = usage.rss_bytes
            now, signs = loop.time(), (self._ring.count, usage.rss_bytes, usage.cpu_seconds)
            if signs != seen:
                seen, moved = signs, now
            if now - moved >= STUCK:
                return self._error(
                    f"the engine never became ready: for {STUCK:g} s it has not logged, grown or computed anything"
                )
            if now - began >= LONGEST_LOAD:
                return self._error(f"the engine did not become ready within {LONGEST_LOAD:g} s")
            await asyncio.sleep(_LOOK_EVERY)


class AttachedReadiness(Readiness):
    """Waits for a server that should be running already."""

    async def _give_up(self) -> EngineError:
        await asyncio.sleep(ABSENT)
        if not self._healthy:
            # The class of a missing file, since the same follows: the next variant may do, and the next request looks again.
            return self._error(
                f"no server that is well answers at {self._launch.endpoint.url}: for {ABSENT:g} s its page "
                f"{self._launch.health} has not said 200; start it there, or correct the variant's url",
                ExitClass.MISSING_FILE,
            )
        await asyncio.sleep(LONGEST_OPEN - ABSENT)
        return self._error(f"the server has made no token within {LONGEST_OPEN:g} s")
