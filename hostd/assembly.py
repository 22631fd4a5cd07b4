"""The composition root: every part of the house, and who knows whom."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import structlog

from hostd.backends.contract import Backend
from hostd.backends.registry import backends
from hostd.domain.host import Host
from hostd.domain.profile import Settings
from hostd.gateway.context import House
from hostd.gateway.timeouts import Watch
from hostd.hardware.probe import Sensors
from hostd.models.locations import this_machine
from hostd.paths import measurements_file, records_file, state_directory
from hostd.routing.router import Directory
from hostd.runtime.calendar_clock import Agenda, habits_of
from hostd.runtime.dispatcher import Dispatcher
from hostd.scheduling.effects import Effect, Explain
from hostd.scheduling.events import EngineBroke, EngineGone, EngineReady, EngineSlept, Event
from hostd.scheduling.scheduler import Desk
from hostd.sizing import calibrated
from hostd.sizing.load_option_monitor import Survey
from hostd.sizing.load_options import Appraiser
from hostd.sizing.measurement_recorder import Bookkeeper
from hostd.sizing.measurements import Measurements
from hostd.sizing.variants import Option
from hostd.supervisor.engine_run import Surroundings
from hostd.supervisor.instance import Instance
from hostd.supervisor.memory_monitor import Keeper
from hostd.supervisor.orphan_reaper import Reaper, reap_leftovers
from hostd.supervisor.preflight import Preflight
from hostd.supervisor.watchdog import Pace
from hostd.telemetry import decision_log
from hostd.telemetry.decision_history import Chronicle
from hostd.telemetry.history import History
from hostd.telemetry.metrics import Metrics
from hostd.telemetry.record_writer import Records

log = structlog.get_logger()

_MEMORY_MOVES = (EngineReady, EngineBroke, EngineGone, EngineSlept)


async def build(
    settings: Settings,
    stack: AsyncExitStack,
    *,
    pace: Pace | None = None,
    decisions: decision_log.Journal | None = None,
    machine: Host | None = None,
) -> House:
    """Return a house that serves *settings*; closing *stack* takes it down. *machine* stands in for this one's memory."""
    reaper = await _reaper(stack)
    sensors, instances = Sensors(), dict[str, Instance]()
    stack.callback(sensors.close)
    host: Host = machine if machine is not None else await asyncio.to_thread(sensors.read, settings.reserve)
    desk = Desk(settings.profiles, host.pools)
    metrics, records, chronicle = Metrics(desk.lanes.values), Records(records_file()), Chronicle()
    written = (decisions or decision_log.Journal()).observe
    keeper = Keeper(sensors, settings.reserve, lambda seen: dispatcher.post(seen), instances, machine=machine)  # noqa: PLW0108 - comes next
    dispatcher = Dispatcher(
        desk,
        instances,
        _all(written, metrics.observe, records.observe, chronicle.observe),
        heard=_memory_watch(keeper, desk),
        preflight=Preflight(instances, keeper.measure),
    )
    stack.callback(dispatcher.close)
    engines, history, book = _engines(settings), History(records_file()), Measurements(measurements_file())
    appraiser = await _appraiser(settings, engines, history, book)
    survey = Survey(appraiser, settings.profiles, lambda: keeper.host or host, dispatcher.post)
    note = survey.after(Bookkeeper(book).note)
    around = Surroundings(dispatcher.post, reaper, pace or Pace(), note, held=_measured(keeper))
    for profile in settings.profiles.values():
        options = [Option.of(variant, engines) for variant in profile.variants]
        instances[profile.name] = Instance(profile, options, around)
    records.start()
    stack.push_async_callback(asyncio.to_thread, records.close)
    await survey.everything()
    survey.start()
    stack.push_async_callback(survey.close)
    keeper.start()
    stack.push_async_callback(keeper.close)
    agenda = Agenda(settings.profiles, dispatcher.post, lambda: habits_of(history))
    agenda.start()
    stack.push_async_callback(agenda.close)
    started = asyncio.get_running_loop().time()
    ahead = datetime.now(UTC).timestamp() - started
    return House(
        settings=settings,
        directory=Directory(settings.profiles, settings.roles),
        dispatcher=dispatcher,
        instances=instances,
        metrics=metrics,
        watch=Watch(),
        keeper=keeper,
        at=lambda moment: datetime.fromtimestamp(moment + ahead, UTC),
        started=started,
        sensors=sensors,
        records=records,
        chronicle=chronicle,
    )


async def _reaper(stack: AsyncExitStack) -> Reaper:
    """Return a reaper that watches over our engines, once those of a daemon before us are gone."""
    directory = state_directory() / "engines"
    for reaped in await asyncio.to_thread(reap_leftovers, directory):
        log.warning("leftover_engine_ended", engine=repr(reaped))
    reaper = Reaper(directory)
    await reaper.start()
    stack.push_async_callback(reaper.close)
    return reaper


def _engines(settings: Settings) -> dict[str, Backend]:
    troubles: list[str] = []
    found = backends(settings.commands, troubles)
    for trouble in troubles:
        log.warning("engine_left_out", why=trouble)
    return found


async def _appraiser(
    settings: Settings, engines: Mapping[str, Backend], history: History, book: Measurements
) -> Appraiser:
    took = await asyncio.to_thread(history.load_seconds)
    known = calibrated.this_machine(settings.commands.get("llamacpp", ()), book)
    return Appraiser(this_machine(), engines, known, lambda model, label: took.get((model, label)))


def _all(*observers: Callable[[Effect], None]) -> Callable[[Effect], None]:
    """Return what tells every observer of each decision; what was done about it is nobody's business."""

    def observe(effect: Effect) -> None:
        if isinstance(effect, Explain):
            for each in observers:
                each(effect)

    return observe


def _memory_watch(keeper: Keeper, desk: Desk) -> Callable[[Event], None]:
    """Return what has the keeper look whenever memory has moved, and often while somebody waits for some to come back."""

    def heard(event: Event) -> None:
        if isinstance(event, _MEMORY_MOVES):
            keeper.poke()
            keeper.hurry(any(claim.victims for claim in desk.room.claims))

    return heard


def _measured(keeper: Keeper) -> Callable[[str], Awaitable[Mapping[str, int]]]:
    async def held(model: str) -> Mapping[str, int]:
        await keeper.measure()
        return keeper.held(model)

    return held
