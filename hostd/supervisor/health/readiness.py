"""When a server is ready: it listens, its health page says so, its model is loaded, and it has generated one token.

An engine's key is sent only once the listening socket was seen to be the engine's own (`listening_socket`).

How long a load takes cannot be known beforehand (a small file from memory, four hundred gigabytes from a slow disk), so there is
no fixed deadline while it progresses: an engine that logs, grows or computes is loading. One that has done none of these for
`STUCK` seconds never will be ready. Nothing of this can be seen of an attached server: it is well at once or not running, and
whatever it then needs to load its model is its own affair, up to `LONGEST_OPEN`.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Iterator

from hostd.backends.contract import Attachment, Launch
from hostd.backends.http.client import HttpClient
from hostd.background_tasks import cancel_all
from hostd.domain.errors import EngineError
from hostd.domain.reason import ExitClass
from hostd.domain.ticket import Task
from hostd.supervisor.health import health_probe
from hostd.supervisor.process.listening_socket import Listening, ListeningSocket, owner_of
from hostd.supervisor.process.log_ring import LogRing
from hostd.supervisor.process.own_limits import want_now
from hostd.supervisor.process.process_memory import ProcessUsage

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
_LOOKS = 3
"""Looks in a row that must find a stranger."""


def poll_pauses() -> Iterator[float]:
    """Yield the seconds between looks: small models load in a fraction of a second, large ones in minutes."""
    pause = _FIRST_POLL
    while True:
        yield pause
        pause = min(_SLOWEST_POLL, pause * 1.5)


async def first_completed(**contenders: Coroutine[object, object, object]) -> tuple[str, object]:
    """Return the name and the result of the contender that is done first; the others are cancelled and waited for.

    When several are done at once, the one named first wins. What the winner raises is raised.
    """
    tasks = {asyncio.create_task(contender): name for name, contender in contenders.items()}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel_all(*tasks)
    winner = next(task for task in tasks if task in done)
    return tasks[winner], winner.result()


class Readiness(ABC):
    """Waits for one server to become ready; *loads* has it load its model once it is healthy."""

    def __init__(
        self,
        launch: Launch | Attachment,
        http: HttpClient,
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

    async def reached(self, *, task: Task) -> None:
        """Return when the server is ready.

        Raises:
            EngineError: It is stuck or not running, took too long, cannot load its model, or is healthy but makes no token.
        """
        _, failed = await first_completed(proved=self._prove(task=task), given_up=self._give_up())
        if isinstance(failed, EngineError):
            raise failed

    @abstractmethod
    async def _give_up(self) -> EngineError:
        """Return why waiting has become pointless, once it has."""

    async def _prove(self, *, task: Task) -> EngineError | None:
        if (stranger := await self._listens()) is not None:
            return stranger
        for pause in poll_pauses():
            if await health_probe.healthy(self._http, self._launch.endpoint, self._launch.health):
                break
            await asyncio.sleep(pause)
        self._healthy = True
        await self._loads()
        said = await health_probe.one_token(self._http, self._launch.endpoint, task=task)
        while said is not None and want_now() is not None:
            # The engine has loaded all of the model; what hostd lacks for a connection comes back.
            await asyncio.sleep(_LOOK_EVERY)
            said = await health_probe.one_token(self._http, self._launch.endpoint, task=task)
        if said is None:
            return None
        return self._error(f"the engine says that it is healthy, but failed a one-token request with {said}")

    async def _listens(self) -> EngineError | None:
        """Return once the server has its address, or with what keeps requests from being sent there."""
        return None

    def _error(self, why: str, exit_class: ExitClass = ExitClass.UNKNOWN) -> EngineError:
        return EngineError(why, exit_class=exit_class, tail=self._ring.tail())


class EngineReadiness(Readiness):
    """Waits for a load as long as it progresses.

    *usage* measures the engine's processes. *socket* tells who listens on its port; without one, nothing is to be proved.
    """

    _launch: Launch

    def __init__(
        self,
        launch: Launch,
        http: HttpClient,
        ring: LogRing,
        loads: Callable[[], Awaitable[None]],
        usage: Callable[[], ProcessUsage],
        socket: ListeningSocket | None = None,
    ) -> None:
        super().__init__(launch, http, ring, loads)
        self._usage = usage
        self._socket = socket
        self._rss = 0

    @property
    def progress(self) -> float | None:
        """How much of what the engine will hold is in memory, from 0 to 1; None where that is not known."""
        if self._launch.expected_bytes <= 0:
            return None
        return min(1.0, self._rss / self._launch.expected_bytes)

    async def _listens(self) -> EngineError | None:
        if self._socket is None:
            return None
        strange = 0
        for pause in poll_pauses():
            # In a thread: it reads what all programs of the machine have open.
            match await asyncio.to_thread(self._socket.look):
                case Listening.ENGINE:
                    break
                case Listening.STRANGER:
                    # A child of the engine that is just being started may be missed by one look, and not by three.
                    strange += 1
                case Listening.NOBODY:
                    strange = 0
            if strange == _LOOKS:
                who = await asyncio.to_thread(owner_of, self._socket.port)
                return self._error(
                    f"port {self._socket.port} was taken by {who} before the engine had it, and nothing was sent there; "
                    "an engine that runs in a container of its own has to be started beside hostd, and named by its url",
                    ExitClass.PORT_TAKEN,
                )
            await asyncio.sleep(pause)
        return None

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
