"""The composition root: makes every part of the daemon, in the order in which they need each other.

Nothing here waits: whatever reads a disk, starts a process or measures the machine is a step of the boot, which the daemon takes
once it listens (`Application.boot`).
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Protocol

import structlog

from hostd.backends.contract import Backend
from hostd.backends.environment import withheld
from hostd.backends.registry import backends
from hostd.boot_steps import first_steps, loads, preparations, recalls
from hostd.domain.catalog import Catalog
from hostd.domain.host import Host
from hostd.domain.server_settings import StateSettings
from hostd.gateway import complexity_weights, detectors, example_vectors
from hostd.gateway.body_reader import BodyReader
from hostd.gateway.context import AppContext
from hostd.gateway.forwarding.timeouts import TimeoutMonitor
from hostd.gateway.http.key_ring import opened_ring
from hostd.gateway.probing.prober import QUIET, CapabilityProber
from hostd.gateway.responses.store import ResponseStore
from hostd.hardware.energy import EnergyCounter
from hostd.hardware.probe import Sensors
from hostd.models.locations import this_machine
from hostd.paths import measurements_file, records_file, responses_file, saved_conversations_folder, state_directory
from hostd.routing.router import Router
from hostd.runtime.backend_renewal import renewal
from hostd.runtime.boot import Boot
from hostd.runtime.calendar_clock import CalendarClock, weekly_demand
from hostd.runtime.dispatcher import Dispatcher
from hostd.runtime.energy_clock import EnergyClock
from hostd.runtime.reload import Follower, Reload
from hostd.runtime.settings_reader import SettingsReader
from hostd.runtime.shared_state import SharedState
from hostd.runtime.speed_keeper import SpeedKeeper
from hostd.runtime.spending_clock import SpendingClock
from hostd.runtime.wall_time import wall_time_from
from hostd.scheduling.events import CardsReturned, EngineFailed, EngineReady, EngineSlept, EngineStopped, Event
from hostd.scheduling.scheduler import Scheduler
from hostd.sizing.load_option_monitor import LoadOptionMonitor
from hostd.sizing.load_options import LoadOptionFinder, LoadSeconds
from hostd.sizing.measurement_recorder import MeasurementRecorder
from hostd.sizing.measurements import CalibratedEstimator, MeasurementStore
from hostd.supervisor.conversations.store import ConversationStore
from hostd.supervisor.engine_adoption import EngineAdoption
from hostd.supervisor.health.watchdog import ProbeTimings
from hostd.supervisor.instances import Instances
from hostd.supervisor.kept_engines import KeptEngines
from hostd.supervisor.memory_monitor import MemoryMonitor
from hostd.supervisor.preflight import Preflight
from hostd.supervisor.process.orphan_reaper import OrphanReaper
from hostd.supervisor.process.socket_folder import SocketFolder, candidates
from hostd.supervisor.run_services import RunServices
from hostd.telemetry import decision_log
from hostd.telemetry.database import RetentionBounds
from hostd.telemetry.decision_history import DecisionHistory
from hostd.telemetry.footprint_records import recorded_footprints
from hostd.telemetry.history import RequestHistory
from hostd.telemetry.metrics import Metrics
from hostd.telemetry.probe_results import ProbeResults
from hostd.telemetry.record_writer import RecordWriter
from hostd.telemetry.sinks import Sink, Sinks
from hostd.telemetry.traces.opening import open_traces

log = structlog.get_logger()

Post = Callable[[Event], None]

_MEMORY_MOVES = (EngineReady, EngineFailed, EngineStopped, EngineSlept)


@dataclass(frozen=True, slots=True)
class Application:
    """A daemon that can listen: what its gateway answers from, how it boots, and how it takes other settings."""

    context: AppContext
    boot: Boot
    reload: Reload
    kept: KeptEngines | None = None


def build(
    catalog: Catalog,
    stack: AsyncExitStack,
    *,
    timings: ProbeTimings | None = None,
    decisions: decision_log.DecisionLog | None = None,
    machine: Host | None = None,
    probe_after: float | None = QUIET,
) -> Application:
    """Return a daemon that *stack* shuts down; needs the running loop. *machine* stands in for the memory of this one.

    Models are probed by themselves *probe_after* so many quiet seconds (None: only when that is asked for).
    """
    # What is known of the machine and of earlier runs; none of it is read yet.
    stack.callback((sensors := Sensors()).close)
    store, records, history = _records(stack, catalog.state)
    reaper, engines = _reaper(stack), _engines(catalog)

    # Engines, and the scheduler that decides about them.
    instances = Instances(catalog, engines)
    memory = MemoryMonitor(sensors.read, catalog, instances.pids, machine=machine)
    scheduler = Scheduler(catalog.profiles, options_follow=True, budgets=catalog.budgets.providers)
    metrics, decided = _metrics(scheduler), DecisionHistory(keep=records.keep)
    sinks = _traced((decisions or decision_log.DecisionLog(), metrics, records, decided), instances, catalog, stack)
    stack.callback((dispatcher := _dispatcher(scheduler, instances, sinks, memory)).close)

    # What tells the scheduler more while it runs.
    finder = LoadOptionFinder(this_machine(), engines, CalibratedEstimator(store), _load_seconds(history))
    options = _on_cards(LoadOptionMonitor(finder, catalog, memory.last_host, dispatcher.post), memory, dispatcher)
    bodies, saved, router = BodyReader(), _conversations(catalog), Router(catalog, assess=complexity_weights.assess)
    calendar, midnight, speeds, energy, *shared = _clocks(catalog, records, history, dispatcher, router)
    _close_after(stack, memory, options, calendar, midnight, bodies, speeds, energy, *shared)
    kept = KeptEngines(reaper) if catalog.settings.keep_engines else None
    note, probes = options.after(MeasurementRecorder(store).record), timings or ProbeTimings()
    services = RunServices(dispatcher.post, reaper, probes, note, memory.held_now, sockets=_sockets(stack), kept=kept)
    instances.make(replace(services, cards_left=memory.cards_left, conversations=saved))
    adoption = EngineAdoption(reaper.directory, instances, dispatcher.post) if kept else None
    first = first_steps(reaper, adoption, memory, options, dispatcher.post, saved) + recalls(midnight, shared, speeds)
    context = AppContext(
        catalog=catalog,
        router=router,
        dispatcher=dispatcher,
        instances=instances,
        metrics=metrics,
        timeouts=TimeoutMonitor(),
        memory=memory,
        wall_time=wall_time_from(started := asyncio.get_running_loop().time()),
        started=started,
        boot=Boot([*first, *preparations(catalog), *loads(memory, options, calendar, energy, dispatcher.post)]),
        sensors=sensors,
        sinks=sinks,
        history=decided,
        records=history,
        bodies=bodies,
        responses=_responses(catalog, stack),
        keys=opened_ring(catalog.keys),
    )
    prober = _prober(context, ProbeResults(records.keep), stack, probe_after, history)
    reload = _reload(catalog, dispatcher.post, instances, engines, (options.apply, calendar.apply, prober.apply))
    return Application(replace(context, prober=prober, reload=reload), context.boot, reload, kept)


def _metrics(scheduler: Scheduler) -> Metrics:
    clock = asyncio.get_running_loop().time
    return Metrics(scheduler.view, scheduler.spending, lambda: scheduler.memory(clock()))


class _Closing(Protocol):
    async def close(self) -> None: ...


def _close_after(stack: AsyncExitStack, *parts: _Closing) -> None:
    for part in parts:
        stack.push_async_callback(part.close)


def _dispatcher(scheduler: Scheduler, instances: Instances, sinks: Sinks, memory: MemoryMonitor) -> Dispatcher:
    return Dispatcher(
        scheduler,
        instances,
        sinks.decided,
        heard=_memory_watch(memory, scheduler),
        preflight=Preflight(instances, memory.measure, lambda: memory.cards.lost),
        remove=instances.remove,
    )


def _reload(
    catalog: Catalog, post: Post, instances: Instances, engines: dict[str, Backend], after: Sequence[Follower]
) -> Reload:
    return Reload(
        catalog,
        post,
        detectors.preparing(example_vectors.preparing(SettingsReader().read)),
        before=[renewal(catalog, engines), instances.apply],
        after=after,
    )


def _clocks(
    catalog: Catalog, records: RecordWriter, history: RequestHistory, dispatcher: Dispatcher, router: Router
) -> tuple[CalendarClock, SpendingClock, SpeedKeeper, EnergyClock, *tuple[SharedState, ...]]:
    """Return what follows the time of the week, the days, how fast models are, what cards take, and other hosts."""
    post, scheduler, url = dispatcher.post, dispatcher.scheduler, catalog.state.shared
    shared = url and SharedState(url, scheduler.own_use, lambda: scheduler.use_revision, router.sessions, post)
    return (
        CalendarClock(catalog, post, partial(weekly_demand, history)),
        SpendingClock(history, post),
        SpeedKeeper(catalog, history, records.keep, lambda: dispatcher.view().models, post),
        EnergyClock(EnergyCounter().taken, records.keep),
        *((shared,) if shared else ()),
    )


def _conversations(catalog: Catalog) -> ConversationStore:
    def wanted(model: str) -> bool:
        return model in catalog.profiles and catalog.profiles[model].kv.save

    return ConversationStore(saved_conversations_folder(), catalog.kv_disk, wanted)


def _prober(
    context: AppContext, results: ProbeResults, stack: AsyncExitStack, quiet: float | None, history: RequestHistory
) -> CapabilityProber:
    prober = CapabilityProber(context.for_inference(), context.instances, results, quiet=quiet)
    stack.push_async_callback(prober.close)
    context.sinks.add(prober)
    prober.start(history.probes)
    return prober


def _traced(sinks: Sequence[Sink], instances: Instances, catalog: Catalog, stack: AsyncExitStack) -> Sinks:
    traces = open_traces(os.environ, lambda model: instances[model].variant, lambda: catalog.traces.content)
    if traces is not None:
        stack.push_async_callback(asyncio.to_thread, traces.close)
    return Sinks(sinks if traces is None else (*sinks, traces))


def _reaper(stack: AsyncExitStack) -> OrphanReaper:
    reaper = OrphanReaper(state_directory() / "engines")
    stack.push_async_callback(reaper.close)
    return reaper


def _sockets(stack: AsyncExitStack) -> SocketFolder:
    sockets = SocketFolder(candidates(state_directory()))
    stack.callback(sockets.close)
    return sockets


def _responses(catalog: Catalog, stack: AsyncExitStack) -> ResponseStore | None:
    if catalog.state.keep is None:
        return None
    store = ResponseStore(responses_file(), catalog.state)
    stack.push_async_callback(store.close)
    return store


def _records(stack: AsyncExitStack, settings: StateSettings) -> tuple[MeasurementStore, RecordWriter, RequestHistory]:
    bounds = RetentionBounds(days=settings.records_keep / 86400, size=settings.records_max_bytes)
    records = RecordWriter(records_file(), bounds=bounds, older=measurements_file())
    records.start()
    stack.push_async_callback(asyncio.to_thread, records.close)
    store = MeasurementStore(partial(recorded_footprints, records_file(), measurements_file()), records.measured)
    return store, records, RequestHistory(records_file(), records.recent, records.unreadable)


def _on_cards(options: LoadOptionMonitor, memory: MemoryMonitor, dispatcher: Dispatcher) -> LoadOptionMonitor:
    """Return *options*, which follow the cards of this machine from now on, as the scheduler does."""

    def appeared(pools: frozenset[str]) -> None:
        options.machine_changed()
        dispatcher.post(CardsReturned(pools))

    memory.cards.follow(appeared)
    return options


def _engines(catalog: Catalog) -> dict[str, Backend]:
    left_out: list[str] = []
    found = backends(catalog.commands, left_out, catalog.engines)
    for why in left_out:
        log.warning("engine_left_out", why=why)
    if names := withheld(os.environ):
        log.info("environment_not_passed", names=names, hint="engines get what a profile or a backend has under 'env'")
    return found


def _load_seconds(history: RequestHistory) -> LoadSeconds:
    """Return what tells how long a load took on this machine; the database is read once, at the first question."""
    took = cache(history.load_seconds)
    return lambda model, label: took().get((model, label))


def _memory_watch(memory: MemoryMonitor, scheduler: Scheduler) -> Callable[[Event], None]:
    """Return what has memory measured when an engine has taken or returned some, and often while a load waits for it."""

    def heard(event: Event) -> None:
        if isinstance(event, _MEMORY_MOVES):
            memory.measure_soon()
            memory.poll_fast(any(load.victims for load in scheduler.engines.admission.pending))

    return heard
