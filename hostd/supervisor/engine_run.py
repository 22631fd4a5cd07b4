"""One life of an instance: a server launched or adopted, proven ready, watched, put to sleep and woken, and put away.

`EngineRun.run` returns when the life has ended as it was told to, and raises where it ended of itself. By then nothing of an
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

from hostd.backends.contract import DescribesItself, Launch, LoadsAfterStart, ServerFacts, Sleeps
from hostd.domain.errors import EngineError
from hostd.domain.profile import Profile, Variant
from hostd.domain.reason import ExitClass
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.events import EngineReady, EngineSlept, Event
from hostd.sizing.variants import BoundVariant
from hostd.supervisor import health_probe
from hostd.supervisor.engine_server import AttachedServer, Server, SpawnedServer, usage_of
from hostd.supervisor.engine_sleep import fall_asleep, wake_up
from hostd.supervisor.launch import PreparedLaunch, prepare
from hostd.supervisor.log_ring import LogRing
from hostd.supervisor.orphan_reaper import OrphanReaper
from hostd.supervisor.process_memory import ProcessUsage, group_usage
from hostd.supervisor.readiness import Readiness
from hostd.supervisor.watchdog import HealthMonitor, ProbeTimings, Watchdog


@dataclass(frozen=True, slots=True)
class RunServices:
    """What every instance needs from the house.

    *note* writes down what an engine holds after its first requests; it blocks. *held* measures what a model's engine holds
    now, in bytes by pool; without it the memory of the engine's processes is taken. *alone* is held by whoever starts an engine
    that measures its devices meanwhile.
    """

    post: Callable[[Event], None]
    reaper: OrphanReaper
    timings: ProbeTimings
    record_memory: Callable[[Profile, Variant, Sequence[str], int, LoadOption | None], str | None]
    measure_held: Callable[[str], Awaitable[Mapping[str, int]]] | None = None
    exclusive_start: asyncio.Lock = field(default_factory=asyncio.Lock)


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


class RunningEngine:
    """What there is while a server runs: how it was launched, the server itself, and a way to talk to it."""

    def __init__(self, prepared: PreparedLaunch, server: Server, http: aiohttp.ClientSession) -> None:
        self.backend = prepared.backend
        self.launch = prepared.launch
        self.server = server
        self.http = http

    async def usage(self) -> ProcessUsage:
        """Return what the server's processes hold and have used so far."""
        return await usage_of(self.server)

    async def close(self) -> None:
        """Have an attached server unload the model; its errors do not matter any more."""
        if isinstance(self.backend, LoadsAfterStart) and not self.launch.argv:
            with suppress(TimeoutError, EngineError, aiohttp.ClientError, OSError):
                async with asyncio.timeout(CLOSES):
                    await self.backend.close(self.http, self.launch.endpoint)


class EngineRun:
    """Runs one server for *profile* from its start to its end; *cannot_sleep* is what its instance remembers from others."""

    def __init__(
        self,
        profile: Profile,
        options: Sequence[BoundVariant],
        services: RunServices,
        ring: LogRing,
        traffic: Traffic,
        cannot_sleep: set[str],
    ) -> None:
        self.prepared: PreparedLaunch | None = None
        self.running: RunningEngine | None = None
        self.watchdog: Watchdog | HealthMonitor | None = None
        self.readiness: Readiness | None = None
        self.facts = ServerFacts()
        self.served = False
        self._profile = profile
        self._options = options
        self._services = services
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
    def sleep_levels(self) -> tuple[int, ...]:
        """The levels of sleep that this engine offers and has not been found to feign."""
        if self.prepared is None or self.prepared.variant.label in self._cannot_sleep:
            return ()
        return self.prepared.launch.sleep_levels if isinstance(self.prepared.backend, Sleeps) else ()

    async def run(self, option: LoadOption | None) -> None:
        """Serve what *option* says until told to stop.

        Raises:
            EngineError: It could not be launched, did not become ready, died, or no longer answered.
        """
        for last_try in (False,) * (PORT_TRIES - 1) + (True,):
            self.prepared = await prepare(self._profile, self._options, option)
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
        if not launch.exclusive_start:
            return True
        what, _ = await first_completed(turn=self._services.exclusive_start.acquire(), stopped=self._stopping.wait())
        if what == "turn":
            turn.callback(self._services.exclusive_start.release)
        return what == "turn"

    async def _serve(self, prepared: PreparedLaunch, turn: ExitStack) -> None:
        running = self.running = await self._enter(prepared)
        try:
            await self._attend(running, turn)
        finally:
            self.watchdog = self.readiness = None
            if not await running.server.died_within(0.0):
                await running.close()
                # An engine may wait for its clients before it obeys. Of a dead one, the last words may still be on their way.
                await self._hang_up(running.http)
            await running.server.end(running.launch.grace)
            await self._hang_up(running.http)
            self.running = None

    async def _enter(self, prepared: PreparedLaunch) -> RunningEngine:
        launch = prepared.launch
        if not launch.argv:
            http = client()
            return RunningEngine(prepared, AttachedServer(launch, http), http)
        server = await SpawnedServer.spawn(
            launch, prepared.backend, self._ring, self._services.reaper, self._profile.name
        )
        return RunningEngine(prepared, server, client())

    async def _hang_up(self, http: aiohttp.ClientSession) -> None:
        for answer in self._traffic.answers:
            # Closing the session alone would leave whoever reads this answer waiting for ever.
            answer.content.set_exception(aiohttp.ClientConnectionError("the engine was stopped"))
        await http.close()

    async def _attend(self, running: RunningEngine, turn: ExitStack) -> None:
        what, said = await self._until(running, ready=self._get_ready(running))
        while what == "ready":
            turn.close()
            self._report_ready()
            timeouts = self.watchdog = self._watch(running)
            what, said = await self._until(running, wedged=timeouts.wedged(), drowsy=self._drowsy.get())
            if what == "drowsy":
                what, said = await self._nap(running, int(str(said)))
        if isinstance(said, EngineError):
            raise said
        if what == "wedged":
            # It would not hear SIGTERM either, and as long as it stands it is still given requests.
            await running.server.end(0.0)
            raise EngineError(str(said), tail=self._ring.tail())

    async def _until(self, running: RunningEngine, **others: Coroutine[object, object, object]) -> tuple[str, object]:
        """Wait for the first of *others*, the server's end and the order to stop."""
        return await first_completed(ended=running.server.ended(), stopped=self._stopping.wait(), **others)

    async def _get_ready(self, running: RunningEngine) -> None:
        launch, http, backend, server = running.launch, running.http, running.backend, running.server
        opens = partial(backend.open, http, launch.endpoint) if isinstance(backend, LoadsAfterStart) else None
        self.readiness = Readiness(launch, http, self._ring, lambda: group_usage(server.pid or 0), opens)
        await self.readiness.reached(embeddings=self._embeddings)
        if isinstance(server, AttachedServer):
            await server.find()
        if isinstance(backend, DescribesItself):
            with suppress(TimeoutError, EngineError, aiohttp.ClientError, OSError, ValueError):
                async with asyncio.timeout(DESCRIBES):
                    self.facts = await backend.describe(http, launch.endpoint)

    def _report_ready(self) -> None:
        self.readiness, self.served = None, True
        self._roused.clear()
        self._services.post(EngineReady(self._profile.name, self.slots, self._now() - self._began, self.sleep_levels))

    async def _nap(self, running: RunningEngine, level: int) -> tuple[str, object]:
        """Have the engine sleep and, when it is roused, wake; return what ends that: it is ready again, or this life is over."""
        backend, name = running.backend, self._profile.name
        if not isinstance(backend, Sleeps) or level not in self.sleep_levels:
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
        self.watchdog = None
        self._services.post(EngineSlept(name))
        what, said = await self._until(running, roused=self._roused.wait())
        if what != "roused":
            return what, said
        self._began = self._now()
        awake = wake_up(backend, running.http, running.launch.endpoint, embeddings=self._embeddings)
        return await self._until(running, ready=awake)

    async def _held(self) -> Mapping[str, int]:
        if self._services.measure_held is not None:
            return await self._services.measure_held(self._profile.name)
        usage = ProcessUsage() if self.running is None else await self.running.usage()
        return {"ram": usage.rss_bytes}

    def _watch(self, running: RunningEngine) -> Watchdog | HealthMonitor:
        http, endpoint, backend, server = running.http, running.launch.endpoint, running.backend, running.server
        if isinstance(server, AttachedServer):
            return HealthMonitor(partial(_found, server), self._services.timings)

        async def turns() -> bool:
            return await backend.decoded(http, endpoint) is not None

        async def answers() -> bool:
            return await health_probe.one_token(http, endpoint, embeddings=self._embeddings) is None

        async def cpu_seconds() -> float:
            return (await running.usage()).cpu_seconds

        return Watchdog(
            turns, answers, lambda: self._traffic.in_flight >= self.slots, cpu_seconds, self._services.timings
        )


async def _found(server: AttachedServer) -> bool:
    """Return whether *server* is well; where its owner has started it anew, it is another process by now."""
    well = await server.healthy()
    if well:
        await server.find()
    return well
