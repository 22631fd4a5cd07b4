"""One engine of one profile: launched, proven ready, watched, and put away so that nothing of it is left.

An instance owns its process and nothing else; which state it is in is the desk's business. `start` and `stop` return at
once, and what comes of them is reported as `EngineReady`, `EngineBroke` or `EngineGone`: exactly one of the last two ends
every life that `start` begins.
"""

import asyncio
import secrets
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import aiohttp
import structlog

from hostd.backends.contract import Backend, Endpoint, Launch
from hostd.domain.errors import EngineError, HostdError
from hostd.domain.profile import Profile, Variant
from hostd.domain.reason import ExitClass
from hostd.runtime import probe
from hostd.runtime.lease import Lease
from hostd.runtime.logring import LogRing
from hostd.runtime.ports import free_port
from hostd.runtime.process import EngineProcess
from hostd.runtime.race import race
from hostd.runtime.readiness import Readiness
from hostd.runtime.reaper import Reaper
from hostd.runtime.usage import Usage, group_usage
from hostd.runtime.watchdog import Pace, Watchdog
from hostd.scheduling.events import EngineBroke, EngineGone, EngineReady, Event

log = structlog.get_logger()

# Shorter than the five seconds after which llama-server closes an idle connection, so that we rarely use a closed one.
KEEP_CONNECTIONS = 3.0
PORT_TRIES = 3
NOTE_EVERY = 600.0
"""Seconds between two looks at what an engine holds; scratch memory grows with the longest prompt so far."""
BUSY_CPU = 0.2
"""CPU seconds in one second of clock from which an engine that tells nothing of its slots counts as generating."""


def client() -> aiohttp.ClientSession:
    """Return a session to talk to one engine with: no limits of its own, nothing remembered, bytes as they come."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_CONNECTIONS),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept-Encoding", "Accept"),
        read_bufsize=256 * 1024,
    )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every instance needs from the house. *note* writes down what an engine holds after its first requests; it blocks."""

    post: Callable[[Event], None]
    reaper: Reaper
    pace: Pace
    note: Callable[[Profile, Variant, Sequence[str], int], str | None]


@dataclass(frozen=True, slots=True)
class Option:
    """One declared variant and the backend that serves it; without one, *why_not* is a sentence for the owner."""

    variant: Variant
    backend: Backend | None
    why_not: str | None = None

    @classmethod
    def of(cls, variant: Variant, backends: Mapping[str, Backend]) -> "Option":
        """Return what this host can do with *variant*."""
        backend = backends.get(variant.backend)
        if backend is None:
            return cls(variant, None, f"backend '{variant.backend}' is not implemented yet")
        why_not = backend.accepts(variant)
        return cls(variant, None if why_not else backend, why_not)


class Instance:
    """Runs the engine of *profile*, serving the first of *options* that can be launched."""

    def __init__(self, profile: Profile, options: Sequence[Option], around: Surroundings) -> None:
        self.profile = profile
        self.options = tuple(options)
        self.ring = LogRing()
        self.in_flight = 0
        self.answers: set[aiohttp.ClientResponse] = set()
        self.launch: Launch | None = None
        self.readiness: Readiness | None = None
        self._chosen = next((option for option in options if option.backend), self.options[0])
        self._around = around
        self._http: aiohttp.ClientSession | None = None
        self._process: EngineProcess | None = None
        self._watchdog: Watchdog | None = None
        self._stopping = asyncio.Event()
        self._served = False
        self._note_at = 0.0
        self._noting: asyncio.Task[None] | None = None
        self._life: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Instance {self.profile.name} pid={self.pid} {self.in_flight} in flight>"

    @property
    def pid(self) -> int | None:
        """The engine's process, while there is one."""
        return self._process.pid if self._process else None

    @property
    def variant(self) -> Variant:
        """The variant that is served, or would be."""
        return self._chosen.variant

    @property
    def progress_of_load(self) -> float | None:
        """How far a load has got, from 0 to 1; None when none is under way or it cannot be known."""
        return None if self.readiness is None else self.readiness.progress

    def lease(self) -> Lease:
        """Return a hold on the running engine for one request.

        Raises:
            EngineError: It is not running: it ended between the desk's decision and now.
        """
        launch, process, http, backend = self.launch, self._process, self._http, self._chosen.backend
        if launch is None or process is None or http is None or backend is None:
            raise EngineError(f"the engine of '{self.profile.name}' is not running")

        async def died_within(seconds: float) -> bool:
            try:
                async with asyncio.timeout(seconds):
                    await process.wait()
            except TimeoutError:
                return False
            return True

        return Lease(self, http, launch.endpoint, self.profile.limits, died_within, backend.adapt)

    def start(self) -> None:
        """Begin a life: launch the engine and report what becomes of it."""
        self._stopping = asyncio.Event()
        self._note_at = 0.0
        self._life = asyncio.get_running_loop().create_task(self._live(), name=f"instance {self.profile.name}")

    def stop(self) -> None:
        """End this life: terminate the engine, and report when nothing of it is left."""
        self._stopping.set()

    async def ended(self) -> None:
        """Wait for the end of the present life, if there is one."""
        if self._life is not None:
            await asyncio.wait({self._life})

    def progress(self) -> None:
        """Note that a request got something out of the engine just now."""
        if self._watchdog is not None:
            self._watchdog.progress()

    def suspect(self) -> None:
        """Note that a request ran into a time limit here."""
        if self._watchdog is not None:
            self._watchdog.suspect()

    def rested(self) -> None:
        """Note that the last request in flight is done: a good moment to see what the engine holds, now and then."""
        now = asyncio.get_running_loop().time()
        if self._served and now >= self._note_at:
            self._note_at = now + NOTE_EVERY
            self._noting = asyncio.create_task(self._note())

    async def _note(self) -> None:
        usage = await self.usage()
        if not usage.pids:
            return
        try:
            why_not = await asyncio.to_thread(
                self._around.note, self.profile, self.variant, self.ring.lines(), usage.rss_bytes
            )
        except HostdError as error:
            why_not = error.message
        if why_not is not None:
            log.info("not_measured", model=self.profile.name, why=why_not)

    async def generating(self) -> bool:
        """Return whether all that is in flight has its first token, as far as the engine lets us see.

        An engine that tells its slots is taken at its word. Of any other, CPU time says whether it works at all.
        """
        http, backend = self._http, self._chosen.backend
        if self.launch is None or http is None or backend is None:
            return False
        try:
            async with asyncio.timeout(self._around.pace.patience):
                decoded = await backend.decoded(http, self.launch.endpoint)
        except TimeoutError:
            return False
        if decoded is not None:
            # Our own probe may hold a slot too, so those that decode are counted rather than those that do not.
            return sum(tokens > 0 for tokens in decoded) >= self.in_flight
        before = await self.usage()
        await asyncio.sleep(1.0)
        after = await self.usage()
        return after.cpu_seconds - before.cpu_seconds >= BUSY_CPU

    async def usage(self) -> Usage:
        """Return what the engine's processes hold and have used so far."""
        if self.pid is None:
            return Usage()
        return await asyncio.to_thread(group_usage, self.pid)

    async def _live(self) -> None:
        name = self.profile.name
        try:
            await self._run()
        except EngineError as error:
            last = f"; its last line: {error.tail[-1]}" if error.tail else ""
            ending: Event = EngineBroke(name, error.exit_class, error.message + last)
        except Exception as error:  # a bug of ours must not leave the desk waiting for an engine for ever
            log.exception("bug", model=name)
            ending = EngineBroke(name, ExitClass.UNKNOWN, f"hostd failed to run it: {error!r}")
        else:
            ending = EngineGone(name)
        finally:
            self.launch = self._process = self._http = self._watchdog = self.readiness = None
            self._around.post(ending)

    async def _run(self) -> None:
        """Run the engine until it is told to stop.

        Raises:
            EngineError: It could not be launched, did not become ready, died, or no longer answered.
        """
        began = asyncio.get_running_loop().time()
        self._served = False
        for last_try in (False,) * (PORT_TRIES - 1) + (True,):
            launch = await self._prepare()
            process = await EngineProcess.spawn(
                launch.argv, launch.env, ring=self.ring, reaper=self._around.reaper, model=self.profile.name
            )
            self.launch, self._process, self._http = launch, process, client()
            try:
                await self._attend(launch, process, self._http, began)
            except EngineError as error:
                if self._served or error.exit_class is not ExitClass.PORT_TAKEN or last_try:
                    raise
            else:
                return
            finally:
                self._watchdog = None
                if process.status is None:
                    # An engine may wait for its clients before it obeys. Of a dead one, the last words may still be on their way.
                    await self._hang_up(self._http)
                await process.stop(launch.grace)
                await self._hang_up(self._http)

    async def _hang_up(self, http: aiohttp.ClientSession) -> None:
        for answer in self.answers:
            # Closing the session alone would leave whoever reads this answer waiting for ever.
            answer.content.set_exception(aiohttp.ClientConnectionError("the engine was stopped"))
        await http.close()

    async def _prepare(self) -> Launch:
        """Return how to launch the best variant that can be: one whose file is missing gives way to the next.

        Raises:
            EngineError: None can; says what keeps the best of them.
        """
        why: EngineError | None = None
        for option in self.options:
            if option.backend is None:
                continue
            self._chosen = option
            port, key = free_port(), secrets.token_urlsafe(24)
            try:
                return await asyncio.to_thread(option.backend.launch, self.profile, option.variant, port, key)
            except EngineError as error:
                why = why or error
        if why is not None:
            raise why
        reasons = "; ".join(f"{option.variant.label}: {option.why_not}" for option in self.options)
        raise EngineError(f"no variant can be served here ({reasons})", exit_class=ExitClass.MISSING_FILE)

    async def _attend(self, launch: Launch, process: EngineProcess, http: aiohttp.ClientSession, began: float) -> None:
        self.readiness = Readiness(launch, http, self.ring, lambda: group_usage(process.pid))
        embeddings = self.profile.capabilities.embeddings
        what, said = await race(
            exited=process.wait(), stopped=self._stopping.wait(), ready=self.readiness.reached(embeddings=embeddings)
        )
        self.readiness = None
        if what == "ready":
            self._watchdog = self._watch(http, launch.endpoint)
            seconds = asyncio.get_running_loop().time() - began
            self._served = True
            self._around.post(EngineReady(self.profile.name, launch.slots, seconds))
            what, said = await race(
                exited=process.wait(), stopped=self._stopping.wait(), wedged=self._watchdog.wedged()
            )
        if what == "exited":
            raise self._exit(int(str(said)))
        if what == "wedged":
            # It would not hear SIGTERM either, and as long as it stands it is still given requests.
            await process.stop(0.0)
            raise EngineError(str(said), tail=self.ring.tail())

    def _watch(self, http: aiohttp.ClientSession, endpoint: Endpoint) -> Watchdog:
        backend = self._chosen.backend
        embeddings = self.profile.capabilities.embeddings

        async def turns() -> bool:
            return backend is not None and await backend.decoded(http, endpoint) is not None

        async def answers() -> bool:
            return await probe.one_token(http, endpoint, embeddings=embeddings) is None

        async def cpu_seconds() -> float:
            return (await self.usage()).cpu_seconds

        return Watchdog(turns, answers, self._saturated, cpu_seconds, self._around.pace)

    def _saturated(self) -> bool:
        return self.launch is not None and self.in_flight >= self.launch.slots

    def _exit(self, status: int) -> EngineError:
        tail = self.ring.tail()
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        backend = self._chosen.backend
        exit_class = ExitClass.UNKNOWN if backend is None else backend.classify(status, tail)
        said = "" if exit_class is ExitClass.UNKNOWN else f" ({exit_class})"
        return EngineError(f"the engine {how}{said}", exit_class=exit_class, tail=tail)
