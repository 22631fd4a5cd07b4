"""The steps of a boot, in their order: what an earlier daemon left, what was known before, then models and their loads."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from hostd.domain.catalog import Catalog
from hostd.gateway import detectors, example_vectors
from hostd.routing.likeness import examples_of
from hostd.runtime.boot import BootStep
from hostd.runtime.calendar_clock import CalendarClock
from hostd.runtime.card_wait import CardWait
from hostd.runtime.energy_clock import EnergyClock
from hostd.runtime.shared_state import SharedState
from hostd.runtime.speed_keeper import SpeedKeeper
from hostd.runtime.spending_clock import SpendingClock
from hostd.scheduling.events import Booted, Event
from hostd.sizing.load_option_monitor import LoadOptionMonitor
from hostd.supervisor.conversations.store import ConversationStore
from hostd.supervisor.engine_adoption import EngineAdoption
from hostd.supervisor.memory_monitor import MemoryMonitor
from hostd.supervisor.process.leftovers import reap_leftovers
from hostd.supervisor.process.orphan_reaper import OrphanReaper

log = structlog.get_logger()

Post = Callable[[Event], None]


def first_steps(
    reaper: OrphanReaper,
    adoption: EngineAdoption | None,
    memory: MemoryMonitor,
    options: LoadOptionMonitor,
    post: Post,
    conversations: ConversationStore,
) -> list[BootStep]:
    """Return the steps that see to what an earlier daemon left, without which memory is measured."""

    async def reap() -> None:
        kept = [] if adoption is None else await adoption.find()
        for ended_engine in await asyncio.to_thread(reap_leftovers, reaper.directory, kept):
            log.warning("leftover_engine_ended", engine=repr(ended_engine))
        await reaper.start()

    async def measure() -> None:
        post(await memory.measure())

    async def wait_for_cards() -> None:
        post(await CardWait(memory.measure, lambda: memory.cards.awaited, memory.card_wait).run())

    async def adopt() -> None:
        # Before the options of any model are known, without which none is loaded: no second engine is started meanwhile.
        if adoption is not None and await adoption.adopt(options.options):
            await measure()

    return [
        BootStep("ending the engines of an earlier daemon", reap),
        # No engine writes to these files meanwhile.
        BootStep("looking through saved conversations", conversations.start),
        BootStep("measuring memory", measure),
        BootStep("waiting for the drivers of graphics cards", wait_for_cards),
        *([] if adoption is None else [BootStep("adopting the engines of an earlier daemon", adopt)]),
    ]


def recalls(midnight: SpendingClock, shared: Sequence[SharedState], speeds: SpeedKeeper) -> list[BootStep]:
    """Return the steps that bring back what was learnt and used up before, here and through hosts that share state."""
    return [
        BootStep("adding up what providers have cost today", midnight.start),
        *(BootStep("joining the hosts that share state", each.start) for each in shared),
        BootStep("looking up how fast models were", speeds.start),
    ]


def preparations(catalog: Catalog) -> list[BootStep]:
    """Return the steps that read what requests are looked at by: examples in the rules of roles, detectors of private data."""
    roles, privacy = tuple(catalog.roles.values()), catalog.privacy

    async def read() -> None:
        await asyncio.to_thread(example_vectors.prepare, roles)

    async def make() -> None:
        await asyncio.to_thread(detectors.prepare, privacy)

    return [
        *([BootStep("reading the vectors of words", read)] if any(map(examples_of, roles)) else []),
        *([BootStep("making detectors of private data", make)] if privacy.scans and privacy.detectors else []),
    ]


def loads(
    memory: MemoryMonitor, options: LoadOptionMonitor, calendar: CalendarClock, energy: EnergyClock, post: Post
) -> list[BootStep]:
    """Return the steps up to the first loads; options need the memory."""

    async def load() -> None:
        options.start()
        memory.start(post)
        calendar.start()
        energy.start()
        post(Booted())

    return [
        BootStep("reading the headers of models", options.find_all, options.progress),
        BootStep("planning the first loads", load),
    ]
