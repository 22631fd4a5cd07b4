"""One engine of one profile, as the desk commands it and as requests lease it.

An instance owns its server and nothing else; which state it is in is the desk's business. `start`, `stop`, `sleep` and `wake`
return at once, and what comes of them is reported as `EngineReady`, `EngineSlept`, `EngineFailed` or `EngineStopped`: exactly
one of the last two ends every life that `start` begins. What such a life consists of is told in `hostd.supervisor.engine_run`.
"""

import asyncio
from collections.abc import Sequence

import aiohttp
import structlog

from hostd.backends.contract import Launch, ServerFacts
from hostd.domain.errors import EngineError, HostdError
from hostd.domain.profile import Profile, Variant
from hostd.domain.reason import ExitClass
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.events import EngineFailed, EngineStopped, Event
from hostd.sizing.variants import BoundVariant
from hostd.supervisor.engine_run import EngineRun, RunningEngine, RunServices
from hostd.supervisor.lease import Lease
from hostd.supervisor.log_ring import LogRing
from hostd.supervisor.process_memory import ProcessUsage

log = structlog.get_logger()

NOTE_EVERY = 600.0
"""Seconds between two looks at what an engine holds; scratch memory grows with the longest prompt so far."""
BUSY_CPU = 0.2
"""CPU seconds in one second of clock from which an engine that tells nothing of its slots counts as generating."""


class Instance:
    """Runs the engine of *profile*, serving one of *options*."""

    def __init__(self, profile: Profile, options: Sequence[BoundVariant], services: RunServices) -> None:
        self.profile = profile
        self.options = tuple(options)
        self.ring = LogRing()
        self.in_flight = 0
        self.answers: set[aiohttp.ClientResponse] = set()
        self._services = services
        self._cannot_sleep: set[str] = set()
        self._life: EngineRun | None = None
        self._note_at = 0.0
        self._lines_before = 0
        self._noting: asyncio.Task[None] | None = None
        self._living: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Instance {self.profile.name} pid={self.pid} {self.in_flight} in flight>"

    @property
    def running(self) -> RunningEngine | None:
        """What there is while a server runs."""
        return self._life.running if self._life else None

    @property
    def launch(self) -> Launch | None:
        """How the server that runs was launched."""
        return self.running.launch if self.running else None

    @property
    def pid(self) -> int | None:
        """The process that serves, while there is one on this machine: the engine's own, or an attached server's."""
        return self.running.server.pid if self.running else None

    @property
    def variant(self) -> Variant:
        """The variant that is served, was last, or would be."""
        if self._life is not None:
            return self._life.variant
        return next((option for option in self.options if option.backend), self.options[0]).variant

    @property
    def choice(self) -> LoadOption | None:
        """What was decided about the server that runs; None where it was left to us, or nothing runs."""
        if self.running is None or self._life is None or self._life.prepared is None:
            return None
        return self._life.prepared.option

    @property
    def facts(self) -> ServerFacts:
        """What the server said of itself when it became ready; it is empty before."""
        return self._life.facts if self._life else ServerFacts()

    @property
    def progress_of_load(self) -> float | None:
        """How far a load has got, from 0 to 1; None when none is under way or it cannot be known."""
        readiness = self._life.readiness if self._life else None
        return None if readiness is None else readiness.progress

    def lease(self) -> Lease:
        """Return a hold on the running engine for one request.

        Raises:
            EngineError: It is not running: it ended between the desk's decision and now.
        """
        running = self.running
        if running is None:
            raise EngineError(f"the engine of '{self.profile.name}' is not running")
        endpoint = running.launch.endpoint
        died_within = running.server.died_within if running.launch.argv else _lives_on
        return Lease(self, running.http, endpoint, self.profile.limits, died_within, running.backend)

    def start(self, option: LoadOption | None = None) -> None:
        """Begin a life: launch what *option* says, or the best that can be launched, and report what becomes of it."""
        self._note_at, self._lines_before = 0.0, self.ring.count
        life = self._life = EngineRun(self.profile, self.options, self._services, self.ring, self, self._cannot_sleep)
        self._living = asyncio.create_task(self._live(life, option), name=f"instance {self.profile.name}")

    def stop(self) -> None:
        """End this life: terminate the engine, and report when nothing of it is left. An attached server runs on."""
        if self._life is not None:
            self._life.stop()

    def sleep(self, level: int) -> None:
        """Have the engine sleep, and report it once its memory was seen to go down; one that cannot is stopped."""
        if self._life is not None:
            self._life.sleep(level)

    def wake(self) -> None:
        """Have a sleeping engine wake, and report when it serves again."""
        if self._life is not None:
            self._life.wake()

    async def ended(self) -> None:
        """Wait for the end of the present life, if there is one."""
        if self._living is not None:
            await asyncio.wait({self._living})

    def progress(self) -> None:
        """Note that a request got something out of the engine just now."""
        if self._life is not None and self._life.watchdog is not None:
            self._life.watchdog.progress()

    def suspect(self) -> None:
        """Note that a request ran into a time limit here."""
        if self._life is not None and self._life.watchdog is not None:
            self._life.watchdog.suspect()

    def rested(self) -> None:
        """Note that the last request in flight is done: a good moment to see what the engine holds, now and then."""
        now = asyncio.get_running_loop().time()
        if self._life is not None and self._life.served and now >= self._note_at:
            self._note_at = now + NOTE_EVERY
            self._noting = asyncio.create_task(self._note())

    async def generating(self) -> bool:
        """Return whether all that is in flight has its first token, as far as the engine lets us see.

        An engine that tells its slots is taken at its word. Of any other, CPU time says whether it works at all; of one
        on another machine, nothing does, and it has the benefit of the doubt as long as it is there.
        """
        running = self.running
        if running is None:
            return False
        try:
            async with asyncio.timeout(self._services.timings.patience):
                decoded = await running.backend.decoded(running.http, running.launch.endpoint)
        except TimeoutError:
            return False
        if decoded is not None:
            # Our own probe may hold a slot too, so those that decode are counted rather than those that do not.
            return sum(tokens > 0 for tokens in decoded) >= self.in_flight
        before = await running.usage()
        if not before.pids:
            return not await running.server.died_within(self._services.timings.patience)
        await asyncio.sleep(1.0)
        after = await running.usage()
        return after.cpu_seconds - before.cpu_seconds >= BUSY_CPU

    async def usage(self) -> ProcessUsage:
        """Return what the engine's processes hold and have used so far."""
        return ProcessUsage() if self.running is None else await self.running.usage()

    async def _note(self) -> None:
        usage = await self.usage()
        if not usage.pids or self.launch is None or not self.launch.argv:
            return
        # What engines before this one have written is not about its memory.
        said = self.ring.lines(self.ring.count - self._lines_before)
        try:
            why_not = await asyncio.to_thread(
                self._services.record_memory, self.profile, self.variant, said, usage.rss_bytes, self.choice
            )
        except HostdError as error:
            why_not = error.message
        if why_not is not None:
            log.info("not_measured", model=self.profile.name, why=why_not)

    async def _live(self, life: EngineRun, option: LoadOption | None) -> None:
        name = self.profile.name
        try:
            await life.run(option)
        except EngineError as error:
            last = f"; its last line: {error.tail[-1]}" if error.tail else ""
            ending: Event = EngineFailed(name, error.exit_class, error.message + last)
        except Exception as error:  # a bug of ours must not leave the desk waiting for an engine for ever
            log.exception("bug", model=name)
            ending = EngineFailed(name, ExitClass.UNKNOWN, f"hostd failed to run it: {error!r}")
        else:
            ending = EngineStopped(name)
        self._services.post(ending)


async def _lives_on(seconds: float) -> bool:  # noqa: ARG001 - as `Server.died_within`
    """Return False: that a server of somebody else's is gone is said by whoever watches it, not by one broken connection."""
    return False
