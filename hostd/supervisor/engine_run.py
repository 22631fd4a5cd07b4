"""One life of an instance: a server launched or adopted, proven ready, watched, put to sleep and woken, and put away.

`Life.run` returns when the life has ended as it was told to, and raises where it ended of itself. By then nothing of an
engine that hostd launched is left.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import aiohttp
import structlog

from hostd.backends.contract import Describes, Facts, Launch, Opens, Sleeps
from hostd.domain.errors import EngineError
from hostd.domain.profile import Profile, Variant
from hostd.domain.reason import ExitClass
from hostd.planning.warm_set.load_option import Choice
from hostd.scheduling.events import EngineReady, EngineSlept, Event
from hostd.sizing.variants import Option
from hostd.supervisor import health_probe
from hostd.supervisor.engine_server import Adopted, Server, Spawned, usage_of
from hostd.supervisor.engine_sleep import fall_asleep, wake_up
from hostd.supervisor.launch import Prepared, prepare
from hostd.supervisor.log_ring import LogRing
from hostd.supervisor.orphan_reaper import Reaper
from hostd.supervisor.process_memory import Usage, group_usage
from hostd.supervisor.readiness import Readiness
from hostd.supervisor.watchdog import Pace, Presence, Watchdog


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every instance needs from the house.

    *note* writes down what an engine holds after its first requests; it blocks. *held* measures what a model's engine holds
    now, in bytes by pool; without it the memory of the engine's processes is taken. *alone* is held by whoever starts an engine
    that measures its devices meanwhile.
    """

    post: Callable[[Event], None]
    reaper: Reaper
    pace: Pace
    note: Callable[[Profile, Variant, Sequence[str], int, Choice | None], str | None]
    held: Callable[[str], Awaitable[Mapping[str, int]]] | None = None
    alone: asyncio.Lock = field(default_factory=asyncio.Lock)


async def race(**contenders: Coroutine[object, object, object]) -> tuple[str, object]:
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


log = structlog.get_logger()

# Shorter than the five seconds after which llama-server closes an idle connection, so that we rarely use a closed one.
KEEP_CONNECTIONS = 3.0
PORT_TRIES = 3
DESCRIBES = 2.0
"""Seconds that a server has to say what it can do; what it does not say by then is not waited for."""
CLOSES = 5.0
"""Seconds that an attached server has to unload its model when hostd leaves it."""


class Traffic(Protocol):
    """The requests that are under way."""

    in_flight: int
    answers: set[aiohttp.ClientResponse]


def client() -> aiohttp.ClientSession:
    """Return a session to talk to one engine with: no limits of its own, nothing remembered, bytes as they come."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_CONNECTIONS),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept-Encoding", "Accept"),
        read_bufsize=256 * 1024,
    )


class Running:
    """What there is while a server runs: how it was launched, the server itself, and a way to talk to it."""

    def __init__(self, prepared: Prepared, server: Server, http: aiohttp.ClientSession) -> None:
        self.backend = prepared.backend
        self.launch = prepared.launch
        self.server = server
        self.http = http

    async def usage(self) -> Usage:
        """Return what the server's processes hold and have used so far."""
        return await usage_of(self.server)

    async def close(self) -> None:
        """Have an attached server unload the model; its errors do not matter any more."""
        if isinstance(self.backend, Opens) and not self.launch.argv:
            with suppress(TimeoutError, EngineError, aiohttp.ClientError, OSError):
                async with asyncio.timeout(CLOSES):
                    await self.backend.close(self.http, self.launch.endpoint)


class Life:
    """Runs one server for *profile* from its start to its end; *cannot_sleep* is what its instance remembers from others."""

    def __init__(
        self,
        profile: Profile,
        options: Sequence[Option],
        around: Surroundings,
        ring: LogRing,
        traffic: Traffic,
        cannot_sleep: set[str],
    ) -> None:
        self.prepared: Prepared | None = None
        self.running: Running | None = None
        self.watch: Watchdog | Presence | None = None
        self.readiness: Readiness | None = None
        self.facts = Facts()
        self.served = False
        self._profile = profile
        self._options = options
        self._around = around
        self._ring = ring
        self._traffic = traffic
        self._cannot_sleep = cannot_sleep
        self._stopping = asyncio.Event()
        self._drowsy: asyncio.Queue[int] = asyncio.Queue()
        self._roused = asyncio.Event()
        self._embeddings = profile.capabilities.embeddings
        self._now = asyncio.get_running_loop().time
        self._began = self._now()

    def stop(self) -> None:
        """End this life."""
        self._stopping.set()

    def sleep(self, level: int) -> None:
        """Have the engine sleep; one that cannot is ended instead, for it is its memory that is wanted."""
        self._drowsy.put_nowait(level)

    def wake(self) -> None:
        """Have the engine wake, now or as soon as it sleeps."""
        self._roused.set()

    @property
    def variant(self) -> Variant:
        """The variant that is served, or was to be: the best that can be, before any was looked at."""
        if self.prepared is not None:
            return self.prepared.variant
        return next((option for option in self._options if option.backend), self._options[0]).variant

    @property
    def slots(self) -> int:
        """How many requests the server works on together: what it was told, or less where it says so itself."""
        told = 1 if self.prepared is None else self.prepared.launch.slots
        return min(told, self.facts.slots or told)

    @property
    def naps(self) -> tuple[int, ...]:
        """The levels of sleep that this engine offers and has not been found to feign."""
        if self.prepared is None or self.prepared.variant.label in self._cannot_sleep:
            return ()
        return self.prepared.launch.naps if isinstance(self.prepared.backend, Sleeps) else ()

    async def run(self, choice: Choice | None) -> None:
        """Serve what *choice* says until told to stop.

        Raises:
            EngineError: It could not be launched, did not become ready, died, or no longer answered.
        """
        for last_try in (False,) * (PORT_TRIES - 1) + (True,):
            self.prepared = await prepare(self._profile, self._options, choice)
            try:
                with ExitStack() as turn:
                    if await self._is_its_turn(self.prepared.launch, turn):
                        await self._serve(self.prepared, turn)
                    return
            except EngineError as error:
                if self.served or error.exit_class is not ExitClass.PORT_TAKEN or last_try:
                    raise

    async def _is_its_turn(self, launch: Launch, turn: ExitStack) -> bool:
        """Wait until no other start is in the way of one that must be alone; return whether it is still wanted."""
        if not launch.alone:
            return True
        what, _ = await race(turn=self._around.alone.acquire(), stopped=self._stopping.wait())
        if what == "turn":
            turn.callback(self._around.alone.release)
        return what == "turn"

    async def _serve(self, prepared: Prepared, turn: ExitStack) -> None:
        running = self.running = await self._enter(prepared)
        try:
            await self._attend(running, turn)
        finally:
            self.watch = self.readiness = None
            if not await running.server.died_within(0.0):
                await running.close()
                # An engine may wait for its clients before it obeys. Of a dead one, the last words may still be on their way.
                await self._hang_up(running.http)
            await running.server.end(running.launch.grace)
            await self._hang_up(running.http)
            self.running = None

    async def _enter(self, prepared: Prepared) -> Running:
        launch = prepared.launch
        if not launch.argv:
            http = client()
            return Running(prepared, Adopted(launch, http), http)
        server = await Spawned.spawn(launch, prepared.backend, self._ring, self._around.reaper, self._profile.name)
        return Running(prepared, server, client())

    async def _hang_up(self, http: aiohttp.ClientSession) -> None:
        for answer in self._traffic.answers:
            # Closing the session alone would leave whoever reads this answer waiting for ever.
            answer.content.set_exception(aiohttp.ClientConnectionError("the engine was stopped"))
        await http.close()

    async def _attend(self, running: Running, turn: ExitStack) -> None:
        what, said = await self._until(running, ready=self._get_ready(running))
        while what == "ready":
            turn.close()
            self._report_ready()
            watch = self.watch = self._watch(running)
            what, said = await self._until(running, wedged=watch.wedged(), drowsy=self._drowsy.get())
            if what == "drowsy":
                what, said = await self._nap(running, int(str(said)))
        if isinstance(said, EngineError):
            raise said
        if what == "wedged":
            # It would not hear SIGTERM either, and as long as it stands it is still given requests.
            await running.server.end(0.0)
            raise EngineError(str(said), tail=self._ring.tail())

    async def _until(self, running: Running, **others: Coroutine[object, object, object]) -> tuple[str, object]:
        """Wait for the first of *others*, the server's end and the order to stop."""
        return await race(ended=running.server.ended(), stopped=self._stopping.wait(), **others)

    async def _get_ready(self, running: Running) -> None:
        launch, http, backend, server = running.launch, running.http, running.backend, running.server
        opens = partial(backend.open, http, launch.endpoint) if isinstance(backend, Opens) else None
        self.readiness = Readiness(launch, http, self._ring, lambda: group_usage(server.pid or 0), opens)
        await self.readiness.reached(embeddings=self._embeddings)
        if isinstance(server, Adopted):
            await server.find()
        if isinstance(backend, Describes):
            with suppress(TimeoutError, EngineError, aiohttp.ClientError, OSError, ValueError):
                async with asyncio.timeout(DESCRIBES):
                    self.facts = await backend.describe(http, launch.endpoint)

    def _report_ready(self) -> None:
        self.readiness, self.served = None, True
        self._roused.clear()
        self._around.post(EngineReady(self._profile.name, self.slots, self._now() - self._began, self.naps))

    async def _nap(self, running: Running, level: int) -> tuple[str, object]:
        """Have the engine sleep and, when it is roused, wake; return what ends that: it is ready again, or this life is over."""
        backend, name = running.backend, self._profile.name
        if not isinstance(backend, Sleeps) or level not in self.naps:
            return "stopped", None
        what, said = await self._until(
            running, slept=fall_asleep(backend, running.http, running.launch.endpoint, level, self._held)
        )
        if what != "slept":
            return what, said
        if said is not None:
            log.warning("cannot_sleep", model=name, why=said)
            self._cannot_sleep.add(self.variant.label)
            return "stopped", None
        # From here on it answers nobody, as it should.
        self.watch = None
        self._around.post(EngineSlept(name))
        what, said = await self._until(running, roused=self._roused.wait())
        if what != "roused":
            return what, said
        self._began = self._now()
        awake = wake_up(backend, running.http, running.launch.endpoint, embeddings=self._embeddings)
        return await self._until(running, ready=awake)

    async def _held(self) -> Mapping[str, int]:
        if self._around.held is not None:
            return await self._around.held(self._profile.name)
        usage = Usage() if self.running is None else await self.running.usage()
        return {"ram": usage.rss_bytes}

    def _watch(self, running: Running) -> Watchdog | Presence:
        http, endpoint, backend, server = running.http, running.launch.endpoint, running.backend, running.server
        if isinstance(server, Adopted):
            return Presence(partial(_found, server), self._around.pace)

        async def turns() -> bool:
            return await backend.decoded(http, endpoint) is not None

        async def answers() -> bool:
            return await health_probe.one_token(http, endpoint, embeddings=self._embeddings) is None

        async def cpu_seconds() -> float:
            return (await running.usage()).cpu_seconds

        return Watchdog(turns, answers, lambda: self._traffic.in_flight >= self.slots, cpu_seconds, self._around.pace)


async def _found(server: Adopted) -> bool:
    """Return whether *server* is well; where its owner has started it anew, it is another process by now."""
    well = await server.healthy()
    if well:
        await server.find()
    return well
