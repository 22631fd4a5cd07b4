"""One run of an instance: a server launched or attached to, proven ready, watched, put to sleep and woken, and ended.

`EngineRun.run` returns when the run was told to end, and raises when the server failed. By then nothing of an engine that hostd
launched is left.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import ExitStack
from functools import partial

import structlog

from hostd.backends.contract import ServerFacts
from hostd.backends.upstream import Upstream
from hostd.domain.errors import EngineError
from hostd.domain.profile import Limits, Variant
from hostd.domain.reason import ExitClass
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.events import EngineProved, EngineReady, EngineSlept
from hostd.sizing.variants import BoundVariant
from hostd.supervisor.attached_server import AttachedServer
from hostd.supervisor.cloud_server import CloudServer
from hostd.supervisor.conversations.slots import EngineSlots
from hostd.supervisor.engine_server import EngineServer
from hostd.supervisor.engine_sleep import fall_asleep, wake_up
from hostd.supervisor.health.card_proof import check_card, proved
from hostd.supervisor.health.progress_monitor import ProgressMonitor
from hostd.supervisor.health.readiness import Readiness, first_completed
from hostd.supervisor.health.watchdog import HealthMonitor, Watchdog
from hostd.supervisor.kept_engines import KeptEngine
from hostd.supervisor.launch import PreparedAttachment, PreparedLaunch, prepare
from hostd.supervisor.process.leftovers import end_recorded
from hostd.supervisor.process.log_ring import LogRing
from hostd.supervisor.run_services import RunServices
from hostd.supervisor.server import Server

log = structlog.get_logger()

ADOPTED_WITHIN = 15.0
"""Seconds in which an engine that runs already makes a token, or is taken not to be well."""
PORT_TRIES = 3
"""Ports that are tried in all: another program may take one before the engine does, but hardly three in a row."""


class EngineRun:
    """Runs one server for *upstream* from its start to its end.

    *cannot_sleep* holds the labels of variants whose engines only feigned sleep in earlier runs. *kept* is an engine that runs
    already, which is gone on with where it is well.
    """

    def __init__(
        self,
        upstream: Upstream,
        variants: Sequence[BoundVariant],
        services: RunServices,
        ring: LogRing,
        cannot_sleep: set[str],
        kept: KeptEngine | None = None,
    ) -> None:
        self.prepared: PreparedLaunch | PreparedAttachment | None = None
        self.server: Server | None = None
        self.watchdog: Watchdog | HealthMonitor | None = None
        self.monitor: ProgressMonitor | None = None
        self.readiness: Readiness | None = None
        self.facts = ServerFacts()
        self.slots_held: EngineSlots | None = None
        self.served = False
        self._upstream = upstream
        self._variants = variants
        self._services = services
        self._ring = ring
        self._cannot_sleep = cannot_sleep
        self._kept = kept
        self._may_run_on = False
        self._stopping = asyncio.Event()
        self._sleep_requests: asyncio.Queue[int] = asyncio.Queue()
        self._waking = asyncio.Event()
        self._spoilt: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._proof_wanted = asyncio.Event()
        self._task = upstream.profile.capabilities.task
        self._now = asyncio.get_running_loop().time
        self._began = self._now()

    def stop(self) -> None:
        """End this run."""
        self._stopping.set()

    def sleep(self, level: int) -> None:
        """Put the engine to sleep; one that cannot is ended instead, since its memory is wanted."""
        self._sleep_requests.put_nowait(level)

    def wake(self) -> None:
        """Wake the engine, now or as soon as it sleeps."""
        self._waking.set()

    def prove(self) -> None:
        """Have the engine generate a token, and report that it did; one that does not is ended."""
        self._proof_wanted.set()

    @property
    def variant(self) -> Variant:
        """The variant that is served; before any was prepared, the best whose backend exists here."""
        if self.prepared is not None:
            return self.prepared.variant
        return best_variant(self._variants)

    @property
    def slots(self) -> int:
        """How many requests the server works on together: what it was told, or less where it reports less."""
        told = 1 if self.prepared is None else self.prepared.launch.slots
        return min(told, self.facts.slots or told)

    @property
    def sleep_levels(self) -> tuple[int, ...]:
        """The levels of sleep that this engine offers and has not been found to feign."""
        if not isinstance(self.prepared, PreparedLaunch) or self.prepared.variant.label in self._cannot_sleep:
            return ()
        return self.prepared.launch.sleep_levels

    async def run(self, option: LoadOption | None) -> None:
        """Serve what *option* says until told to stop.

        Raises:
            EngineError: It could not be launched, did not become ready, died, or no longer answered.
        """
        if self._kept is not None and await self._gone_on_with(self._kept):
            return
        self._kept = None
        for last_try in (False,) * (PORT_TRIES - 1) + (True,):
            self.prepared = await prepare(self._upstream.profile, self._variants, option, self._services.sockets)
            try:
                with ExitStack() as turn:
                    if await self._may_start(self.prepared, turn):
                        await self._serve(self.prepared, turn)
                    return
            except EngineError as error:
                # An engine that served has had its port; what it reports about one then is another fault.
                if self.served or error.exit_class is not ExitClass.PORT_TAKEN or last_try:
                    raise

    async def _gone_on_with(self, kept: KeptEngine) -> bool:
        """Serve by an engine that runs already; return False, once nothing is left of it, where it does not answer."""
        self.prepared = kept.prepared
        try:
            with ExitStack() as turn:
                await self._serve(kept.prepared, turn)
        except EngineError as error:
            if self.served:
                raise
            log.warning("kept_engine_ended", model=self._upstream.name, pid=kept.record.pid, why=error.message)
            await asyncio.to_thread(end_recorded, self._services.reaper.directory, kept.record)
            return False
        return True

    async def _may_start(self, prepared: PreparedLaunch | PreparedAttachment, turn: ExitStack) -> bool:
        """Wait for the turn of an exclusive start, which *turn* gives back; return whether the start is still wanted."""
        if not isinstance(prepared, PreparedLaunch) or not prepared.launch.exclusive_start:
            return True
        what, _ = await first_completed(turn=self._services.exclusive_start.acquire(), stopped=self._stopping.wait())
        if what == "turn":
            turn.callback(self._services.exclusive_start.release)
        return what == "turn"

    async def _serve(self, prepared: PreparedLaunch | PreparedAttachment, turn: ExitStack) -> None:
        server = self.server = await self._begin(prepared)
        server.option = prepared.option
        try:
            await self._attend(server, prepared, turn)
        finally:
            # First, so that no request reports to a watchdog whose server is being ended.
            self._stop_watching()
            self.readiness = None
            if self._may_run_on and isinstance(server, EngineServer) and server.is_left_by(self._services.kept):
                log.info("engine_left_running", model=self._upstream.name, pid=server.pid)
                server.release()
            else:
                await server.close()
            self.server = None

    async def _begin(self, prepared: PreparedLaunch | PreparedAttachment) -> Server:
        match prepared:
            case PreparedAttachment():
                kind = CloudServer if prepared.launch.metered else AttachedServer
                return kind(prepared.backend, prepared.launch)
            case PreparedLaunch():
                services, ring = self._services, self._ring
                if self._kept is not None:
                    return EngineServer.adopt(self._kept, ring, services.reaper)
                lasting = services.kept is not None
                return await EngineServer.spawn(prepared, ring, services.reaper, self._upstream.name, lasting=lasting)

    async def _attend(self, server: Server, prepared: PreparedLaunch | PreparedAttachment, turn: ExitStack) -> None:
        what, outcome = await self._until(server, ready=self._get_ready(server))
        while what == "ready":
            # Its memory is allocated: the next exclusive start will measure it as it is.
            turn.close()
            self._report_ready()
            if self._services.kept is not None and isinstance(server, EngineServer):
                await server.note_serving(self._services.kept, prepared)
            monitor = self.monitor = server.monitor(self._limits, lambda: self._upstream.in_flight > 0)
            watchdog = self.watchdog = server.watchdog(
                lambda: self._upstream.in_flight >= self.slots,
                self._services.timings,
                monitor.tracker,
                task=self._task,
            )
            what, outcome = await self._watched(server, watchdog)
            self._may_run_on = what == "stopped"
            if what == "sleep":
                what, outcome = await self._sleep(server, int(str(outcome)))
        if isinstance(outcome, EngineError):
            raise outcome
        if what == "stopped" and self.slots_held is not None:
            await self.slots_held.save_all()
        if what == "spoilt":
            await server.kill()
            raise EngineError(str(outcome))
        if what == "wedged":
            await server.kill()
            raise EngineError(str(outcome), tail=self._ring.tail(), self_inflicted=watchdog.computes)

    async def _watched(self, server: Server, watchdog: Watchdog | HealthMonitor) -> tuple[str, object]:
        """Wait for what ends a stretch of service, and have the engine prove itself meanwhile where that is wanted."""
        while True:
            what, outcome = await self._until(
                server,
                wedged=watchdog.wedged(),
                sleep=self._sleep_requests.get(),
                spoilt=self._until_spoilt(),
                proof_wanted=self._proof_wanted.wait(),
            )
            if what == "proof_wanted":
                self._proof_wanted.clear()
                left = partial(self._services.cards_left, self._upstream.name)
                proof = proved(server, left, self._services.timings.patience, task=self._task)
                what, outcome = await self._until(server, proof=proof)
                what = "wedged" if what == "proof" and outcome is not None else what
            if what != "proof":
                return what, outcome
            self._services.post(EngineProved(self._upstream.name))

    async def _until_spoilt(self) -> str:
        return await asyncio.shield(self._spoilt)

    def _spoil(self, why: str) -> None:
        if not self._spoilt.done():
            self._spoilt.set_result(why)

    def _slots_of(self, server: Server) -> EngineSlots | None:
        """Return the slots of a *server* that keeps them in files."""
        store = self._services.conversations
        if store is None or not isinstance(server, EngineServer) or server.launch.slot_files is None:
            return None
        return EngineSlots(self._upstream.name, server, server.launch.slot_files, store, self._spoil)

    def _stop_watching(self) -> None:
        if self.monitor is not None:
            self.monitor.close()
        self.watchdog = self.monitor = None

    def _limits(self) -> Limits:
        return self._upstream.profile.limits

    async def _until(self, server: Server, **others: Coroutine[object, object, object]) -> tuple[str, object]:
        """Wait for the first of *others*, the server's end and the order to stop."""
        return await first_completed(ended=server.ended(), stopped=self._stopping.wait(), **others)

    async def _get_ready(self, server: Server) -> None:
        self.readiness = server.readiness(self._ring)
        try:
            async with asyncio.timeout(None if self._kept is None else ADOPTED_WITHIN):
                await self.readiness.reached(task=self._task)
        except TimeoutError:
            raise EngineError(f"it made no token within {ADOPTED_WITHIN:g} s") from None
        await check_card(server, self._ring.tail())
        self.facts = await server.describe()
        self.slots_held = self._slots_of(server)

    def _report_ready(self) -> None:
        self.readiness, self.served = None, True
        self._waking.clear()
        seconds, addressed = self._now() - self._began, self.slots_held is not None
        self._services.post(EngineReady(self._upstream.name, self.slots, seconds, self.sleep_levels, addressed))

    async def _sleep(self, server: Server, level: int) -> tuple[str, object]:
        """Put the engine to sleep and wake it when told to; return what ends that: it is ready again, or the run is over."""
        if not isinstance(server, EngineServer) or level not in self.sleep_levels:
            return "stopped", None
        endpoint = server.launch.endpoint
        what, outcome = await self._until(
            server, slept=fall_asleep(partial(server.engine.sleep, server.http, endpoint, level), self._held)
        )
        if what != "slept":
            return what, outcome
        if outcome is not None:
            log.warning("cannot_sleep", model=self._upstream.name, why=outcome)
            self._cannot_sleep.add(self.variant.label)
            return "stopped", None
        # A sleeping engine answers no probe, as it should.
        self._stop_watching()
        self._services.post(EngineSlept(self._upstream.name))
        # A wake that was ordered while it fell asleep is not lost: the event is set already.
        what, outcome = await self._until(server, woken=self._waking.wait())
        if what != "woken":
            return what, outcome
        self._began = self._now()
        wake = partial(server.engine.wake, server.http, endpoint)
        return await self._until(server, ready=wake_up(wake, server.http, endpoint, task=self._task))

    async def _held(self) -> Mapping[str, int]:
        if self._services.measure_held is not None:
            return await self._services.measure_held(self._upstream.name)
        return {} if self.server is None else {"ram": (await self.server.usage()).rss_bytes}


def best_variant(variants: Sequence[BoundVariant]) -> Variant:
    """Return the first of *variants* whose backend exists here, or else the first."""
    return next((bound for bound in variants if bound.backend), variants[0]).variant
