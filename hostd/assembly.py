"""The composition root: every part of the house, and who knows whom."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial

import structlog

from hostd.backends.contract import Backend
from hostd.backends.registry import backends
from hostd.domain.catalog import Catalog
from hostd.domain.host import Host
from hostd.domain.profile import Settings
from hostd.gateway.context import AppContext
from hostd.gateway.timeouts import TimeoutMonitor
from hostd.hardware.probe import Sensors
from hostd.models.locations import this_machine
from hostd.paths import measurements_file, records_file, state_directory
from hostd.routing.router import Router
from hostd.runtime.calendar_clock import CalendarClock, weekly_demand
from hostd.runtime.dispatcher import Dispatcher
from hostd.scheduling.events import EngineFailed, EngineReady, EngineSlept, EngineStopped, Event
from hostd.scheduling.scheduler import Scheduler
from hostd.sizing.load_option_monitor import LoadOptionMonitor
from hostd.sizing.load_options import LoadOptionFinder
from hostd.sizing.measurement_recorder import MeasurementRecorder
from hostd.sizing.measurements import CalibratedEstimator, MeasurementStore
from hostd.sizing.variants import BoundVariant
from hostd.supervisor.engine_run import RunServices
from hostd.supervisor.instance import Instance
from hostd.supervisor.memory_monitor import MemoryMonitor
from hostd.supervisor.orphan_reaper import OrphanReaper, reap_leftovers
from hostd.supervisor.preflight import Preflight
from hostd.supervisor.watchdog import ProbeTimings
from hostd.telemetry import decision_log
from hostd.telemetry.decision_history import DecisionHistory
from hostd.telemetry.history import RequestHistory
from hostd.telemetry.metrics import Metrics
from hostd.telemetry.record_writer import RecordWriter
from hostd.telemetry.sinks import Sinks

log = structlog.get_logger()

_MEMORY_MOVES = (EngineReady, EngineFailed, EngineStopped, EngineSlept)


async def build(
    settings: Settings,
    stack: AsyncExitStack,
    *,
    timings: ProbeTimings | None = None,
    decisions: decision_log.DecisionLog | None = None,
    machine: Host | None = None,
) -> AppContext:
    """Return a house that serves *settings*; closing *stack* takes it down. *machine* stands in for this one's memory."""
    reaper = await _reaper(stack)
    sensors, instances = Sensors(), dict[str, Instance]()
    stack.callback(sensors.close)
    host: Host = machine if machine is not None else await asyncio.to_thread(sensors.read, settings.reserve)
    scheduler = Scheduler(settings.profiles, host.pools)
    metrics, records, decision_history = Metrics(scheduler.view), RecordWriter(records_file()), DecisionHistory()
    sinks = Sinks((decisions or decision_log.DecisionLog(), metrics, records, decision_history))
    pids = partial(_pids, instances)
    monitor = MemoryMonitor(sensors.read, settings.reserve, lambda seen: dispatcher.post(seen), pids, machine=machine)  # noqa: PLW0108 - comes next
    dispatcher = Dispatcher(
        scheduler,
        instances,
        sinks.decided,
        heard=_memory_watch(monitor, scheduler),
        preflight=Preflight(instances, monitor.measure),
    )
    stack.callback(dispatcher.close)
    engines, history, store = _engines(settings), RequestHistory(records_file()), MeasurementStore(measurements_file())
    finder = await _finder(engines, history, store)
    survey = LoadOptionMonitor(finder, settings.profiles, lambda: monitor.host or host, dispatcher.post)
    note = survey.after(MeasurementRecorder(store).record)
    services = RunServices(dispatcher.post, reaper, timings or ProbeTimings(), note, measure_held=_measured(monitor))
    for profile in settings.profiles.values():
        options = [BoundVariant.of(variant, engines) for variant in profile.variants]
        instances[profile.name] = Instance(profile, options, services)
    records.start()
    stack.push_async_callback(asyncio.to_thread, records.close)
    await survey.everything()
    survey.start()
    stack.push_async_callback(survey.close)
    monitor.start()
    stack.push_async_callback(monitor.close)
    clock = CalendarClock(settings.profiles, dispatcher.post, lambda: weekly_demand(history))
    clock.start()
    stack.push_async_callback(clock.close)
    started = asyncio.get_running_loop().time()
    ahead = datetime.now(UTC).timestamp() - started
    return AppContext(
        settings=settings,
        router=Router(Catalog(settings)),
        dispatcher=dispatcher,
        instances=instances,
        metrics=metrics,
        timeouts=TimeoutMonitor(),
        memory=monitor,
        wall_time=lambda moment: datetime.fromtimestamp(moment + ahead, UTC),
        started=started,
        sensors=sensors,
        sinks=sinks,
        history=decision_history,
    )


def _pids(instances: Mapping[str, Instance]) -> dict[str, int]:
    return {model: pid for model, instance in instances.items() if (pid := instance.pid) is not None}


async def _reaper(stack: AsyncExitStack) -> OrphanReaper:
    """Return a reaper that watches over our engines, once those of a daemon before us are gone."""
    router = state_directory() / "engines"
    for ended_engine in await asyncio.to_thread(reap_leftovers, router):
        log.warning("leftover_engine_ended", engine=repr(ended_engine))
    reaper = OrphanReaper(router)
    await reaper.start()
    stack.push_async_callback(reaper.close)
    return reaper


def _engines(settings: Settings) -> dict[str, Backend]:
    troubles: list[str] = []
    found = backends(settings.commands, troubles)
    for trouble in troubles:
        log.warning("engine_left_out", why=trouble)
    return found


async def _finder(engines: Mapping[str, Backend], history: RequestHistory, store: MeasurementStore) -> LoadOptionFinder:
    took = await asyncio.to_thread(history.load_seconds)
    return LoadOptionFinder(
        this_machine(), engines, CalibratedEstimator(store), lambda model, label: took.get((model, label))
    )


def _memory_watch(monitor: MemoryMonitor, scheduler: Scheduler) -> Callable[[Event], None]:
    """Return what has the keeper look whenever memory has moved, and often while somebody waits for some to come back."""

    def heard(event: Event) -> None:
        if isinstance(event, _MEMORY_MOVES):
            monitor.measure_soon()
            monitor.poll_fast(any(load.victims for load in scheduler.engines.admission.pending))

    return heard


def _measured(monitor: MemoryMonitor) -> Callable[[str], Awaitable[Mapping[str, int]]]:
    async def held(model: str) -> Mapping[str, int]:
        await monitor.measure()
        return monitor.held(model)

    return held
