"""The engine of one profile, as the scheduler commands it and as requests lease it.

An instance owns its server and nothing else; its state is the scheduler's. `start`, `stop`, `sleep` and `wake` return at once, and
their outcome is reported as `EngineReady`, `EngineSlept`, `EngineFailed` or `EngineStopped`: exactly one of the last two ends every
run that `start` begins. `hostd.supervisor.engine_run` has the steps of a run.
"""

import asyncio
from collections.abc import Sequence

import structlog

from hostd.backends.contract import Attachment, Launch, ServerFacts
from hostd.backends.http.errors import AnswerError
from hostd.backends.upstream import Lease, Upstream
from hostd.domain.answer_sums import AnswerSums
from hostd.domain.conversation import KeptConversations
from hostd.domain.errors import EngineError, HostdError
from hostd.domain.profile import Profile, Variant
from hostd.domain.progress import PromptProgress
from hostd.domain.reason import ExitClass
from hostd.domain.secret import masked, secrets_in
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.events import EngineFailed, EngineStopped, Event
from hostd.sizing.variants import BoundVariant
from hostd.supervisor.conversations.slots import EngineSlots
from hostd.supervisor.engine_run import EngineRun, best_variant
from hostd.supervisor.engine_server import EngineServer
from hostd.supervisor.health.progress_monitor import ProgressMonitor
from hostd.supervisor.kept_engines import KeptEngine
from hostd.supervisor.process.log_ring import LogRing
from hostd.supervisor.process.own_limits import want_in
from hostd.supervisor.process.process_memory import ProcessUsage
from hostd.supervisor.run_services import RunServices
from hostd.supervisor.server import Server

log = structlog.get_logger()

RECORD_EVERY = 600.0
"""Seconds between two measurements of what an engine holds; scratch memory grows with the longest prompt so far."""


class Instance(Upstream):
    """Runs the engine of *profile*, serving one of *variants*."""

    def __init__(self, profile: Profile, variants: Sequence[BoundVariant], services: RunServices) -> None:
        super().__init__(profile)
        self.variants = tuple(variants)
        self.ring = LogRing()
        self._services = services
        self._cannot_sleep: set[str] = set()
        self._run: EngineRun | None = None
        self._in_slots: dict[Lease, EngineSlots] = {}
        self._record_at = 0.0
        self._lines_before = 0
        self._recording: asyncio.Task[None] | None = None
        self._running: asyncio.Task[None] | None = None
        self._kept: KeptEngine | None = None
        self._expected: int | None = None

    def __repr__(self) -> str:
        return f"<Instance {self.name} pid={self.pid} {self.in_flight} in flight>"

    @property
    def server(self) -> Server | None:
        """The server that runs, if one does."""
        return self._run.server if self._run else None

    @property
    def launch(self) -> Launch | Attachment | None:
        """How the server that runs was launched or attached to."""
        return self.server.launch if self.server else None

    @property
    def pid(self) -> int | None:
        """The process that serves, where it is on this machine: the engine's own, or an attached server's."""
        return self.server.pid if self.server else None

    @property
    def measured_pid(self) -> int | None:
        """The process whose memory is this model's: the one that serves, or is about to, having served an earlier daemon."""
        return self._expected if self.pid is None else self.pid

    @property
    def on_card(self) -> bool:
        """Whether a server runs that was placed on a card."""
        return self.server is not None and bool(self.server.cards)

    @property
    def variant(self) -> Variant:
        """The variant that is served, was last, or would be."""
        run = self._run
        if run is None:
            return best_variant(self.variants)
        return run.variant if run.prepared is None else run.prepared.variant

    @property
    def option(self) -> LoadOption | None:
        """What was decided about the server that runs; None where the engine decides, or nothing runs."""
        if self.server is None or self._run is None or self._run.prepared is None:
            return None
        return self._run.prepared.option

    @property
    def facts(self) -> ServerFacts:
        """What the server reported about itself when it became ready; empty before."""
        return self._run.facts if self._run else ServerFacts()

    @property
    def progress_of_load(self) -> float | None:
        """How far a load has progressed, from 0 to 1; None when none is under way or it cannot be known."""
        readiness = self._run.readiness if self._run else None
        return None if readiness is None else readiness.progress

    @property
    def conversations(self) -> KeptConversations | None:
        """What is kept of conversations over slots, loads and restarts; None where the owner wants none kept, or nothing runs."""
        server, run = self.server, self._run
        if server is None or run is None or not self.profile.kv.save:
            return None
        return run.slots_held.kept() if run.slots_held else server.backend.keeps(self.profile, server.option)

    def lease(self) -> Lease:
        """Return a hold on the running server for one request.

        Raises:
            EngineError: It is not running: it ended between the scheduler's decision and now.
        """
        run = self._run
        server = None if run is None else run.server
        if server is None:
            raise EngineError(f"the engine of '{self.name}' is not running")
        return Lease(self, server.backend, server.http, server.launch.endpoint, server.died_within)

    def reconfigure(self, profile: Profile, variants: Sequence[BoundVariant]) -> None:
        """Take another *profile*: its limits hold at once, its *variants* from the next start on."""
        self.profile, self.variants = profile, tuple(variants)

    def expect(self, pid: int | None) -> None:
        """Note that *pid* is an engine of this model that runs already, None that there is none after all."""
        self._expected = pid

    def adopt(self, kept: KeptEngine) -> None:
        """Go on with *kept*, the engine of an earlier daemon, at the next start."""
        self._kept = kept

    def start(self, option: LoadOption | None = None) -> None:
        """Begin a run: launch what *option* says, or the best that can be launched, and report the outcome."""
        self._record_at, self._lines_before = 0.0, self.ring.count
        kept, self._kept = self._kept, None
        run = self._run = EngineRun(self, self.variants, self._services, self.ring, self._cannot_sleep, kept)
        self._running = asyncio.create_task(self._report_end(run, option), name=f"instance {self.name}")

    def stop(self) -> None:
        """End the run: terminate the engine, and report when nothing of it is left. An attached server runs on."""
        if self._run is not None:
            self._run.stop()

    def sleep(self, level: int) -> None:
        """Put the engine to sleep, and report it once its memory was seen to shrink; one that cannot is stopped."""
        if self._run is not None:
            self._run.sleep(level)

    def wake(self) -> None:
        """Wake a sleeping engine, and report when it serves again."""
        if self._run is not None:
            self._run.wake()

    def prove(self) -> None:
        """Have the engine generate a token before its next request, and report that; one that does not is ended."""
        if self._run is not None:
            self._run.prove()

    async def ended(self) -> None:
        """Wait for the end of the present run, if there is one."""
        if self._running is not None:
            await asyncio.wait({self._running})

    def progress(self) -> None:
        """Note that a request received something from the engine just now."""
        run = self._run
        if run is not None and run.watchdog is not None:
            run.watchdog.progress()
        if run is not None and run.monitor is not None:
            run.monitor.received()

    def prompt_sent(self, lease: Lease, tokens: int) -> None:
        """Note about how many tokens the prompt of the request that holds *lease* has."""
        run = self._run
        if run is not None and run.monitor is not None:
            run.monitor.expect(lease, tokens)

    def prompt_progress(self, lease: Lease, progress: PromptProgress) -> None:
        """Note how much of the prompt of the request that holds *lease* has been read."""
        if (monitor := self._monitor) is not None:
            monitor.prompt(lease, progress)

    async def take_slot(self, lease: Lease) -> bool:
        """Have the slot of *lease* hold what is known of its conversation; return whether the engine must be told the slot.

        Raises:
            EngineError: The engine ends, having failed to.
        """
        held = None if self._run is None else self._run.slots_held
        if held is None:
            return False
        if lease.slot is None:
            await held.surrender()
            return False
        self._in_slots[lease] = held
        await held.prepare(lease.slot, lease.conversation)
        return True

    def answered(self, lease: Lease, sums: AnswerSums) -> None:
        """Note that the request that holds *lease* was answered, and what that took."""
        if self._in_slots and (held := self._in_slots.pop(lease, None)) is not None and lease.slot is not None:
            held.answered(lease.slot, sums)

    def suspect(self) -> None:
        """Note that a request ran into a time limit here."""
        if self._run is not None and self._run.watchdog is not None:
            self._run.watchdog.suspect()

    def begun(self) -> None:
        """Note that a request is in flight where none was."""
        run = self._run
        if run is not None and run.monitor is not None:
            run.monitor.begun()

    def done(self, lease: Lease, *, given_up: bool) -> None:
        """Note that the request that held *lease* is over, and whether it was *given_up* before its answer was complete."""
        if self._in_slots and (held := self._in_slots.pop(lease, None)) is not None and lease.slot is not None:
            held.given_up(lease.slot)
        run = self._run
        if run is not None and run.monitor is not None:
            run.monitor.done(lease, given_up=given_up)

    def rested(self) -> None:
        """Note that the last request in flight is done: now and then the moment to measure what the engine holds."""
        now = asyncio.get_running_loop().time()
        # Before the first request, scratch memory is not touched yet and would be measured too low.
        if self._run is not None and self._run.served and now >= self._record_at:
            self._record_at = now + RECORD_EVERY
            self._recording = asyncio.create_task(self._record_memory())

    async def sign(self, *, streamed: bool) -> float | None:
        """Return when the engine last showed that it works on its requests; None where it does not run.

        Of a server on another machine that reports nothing, nothing shows it: a whole answer is waited for as long as its health
        page is fine, a stream is not.
        """
        server, monitor = self.server, self._monitor
        if server is None or monitor is None:
            return None
        if streamed and self.variant.provider is not None:
            # What a provider answers to others says nothing about this request.
            return None
        sign = await monitor.sign()
        seen = streamed or server.pid is not None or monitor.tracker.reports
        if not seen and not await server.unhealthy_within(self._services.timings.patience):
            return asyncio.get_running_loop().time()
        return sign

    @property
    def _monitor(self) -> ProgressMonitor | None:
        return None if self._run is None else self._run.monitor

    async def metrics(self, seconds: float, limit: int) -> str | None:
        """Return the server's own metrics in Prometheus' text format; None where it runs not, or shows none.

        Raises:
            ExchangeError: It did not show them within *seconds*, or has more than *limit* bytes of them.
        """
        server = self.server
        path = None if server is None else server.backend.metrics_path(server.launch.endpoint)
        if server is None or path is None:
            return None
        endpoint = server.launch.endpoint
        answer = await server.http.ask(endpoint.url + path, endpoint.headers, seconds=seconds, limit=limit)
        if answer.status != 200:
            raise AnswerError(f"it answers {path} with {answer.status}")
        return answer.text

    async def usage(self) -> ProcessUsage:
        """Return what the engine's processes hold and have used so far."""
        return ProcessUsage() if self.server is None else await self.server.usage()

    async def _record_memory(self) -> None:
        usage = await self.usage()
        # An attached server may hold other models, too, so its memory says nothing about this one's.
        if not usage.pids or not isinstance(self.server, EngineServer):
            return
        # What earlier engines have logged is not about this one's memory.
        logged = self.ring.lines(self.ring.count - self._lines_before)
        try:
            await asyncio.to_thread(
                self._services.record_memory, self.profile, self.variant, logged, usage.rss_bytes, self.option
            )
        except HostdError as error:
            log.info("not_measured", model=self.name, why=error.message)

    async def _report_end(self, run: EngineRun, option: LoadOption | None) -> None:
        try:
            await run.run(option)
        except EngineError as error:
            last = f"; its last line: {error.tail[-1]}" if error.tail and error.tail[-1] not in error.message else ""
            why = masked(error.message + last, secrets_in(self.profile.args.values()))
            # Its header may have been what could not be opened for want of descriptors.
            own_want = error.own_want or want_in(error) is not None
            end: Event = EngineFailed(
                self.name, error.exit_class, want_in(error) or why, error.self_inflicted, own_want
            )
        except Exception as error:  # a bug of hostd must not leave the scheduler waiting for an engine for ever
            if (want := want_in(error)) is None:
                log.exception("bug", model=self.name)
            why = want or f"hostd failed to run it: {error!r}"
            end = EngineFailed(self.name, ExitClass.UNKNOWN, why, own_want=want is not None)
        else:
            end = EngineStopped(self.name)
        self._expected = None
        self._services.post(end)
