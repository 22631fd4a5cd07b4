"""Measures memory and what holds it, and reports both to the scheduler.

It measures every few seconds, at once on request, and several times a second while a load waits for memory to be released. Memory
that an ended engine did not give back is traced to the process that holds it.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from hostd.domain.catalog import Catalog
from hostd.domain.host import Host, Pool, PoolKind, Reserve
from hostd.scheduling.events import MemoryMeasured
from hostd.supervisor.card_watch import CardWatch
from hostd.supervisor.process import process_memory
from hostd.supervisor.process.process_memory import EngineMemory

log = structlog.get_logger()

_NOTABLE = 64 << 20
"""Bytes of a pool from which a missing amount is traced; drivers round by less."""


@dataclass(frozen=True, slots=True)
class PollIntervals:
    """Seconds between two measurements: *idle*, and *fast* while a load waits, for at most *hurried*.

    Memory that an engine has not given back after *lost* seconds is reported.
    """

    idle: float = 5.0
    fast: float = 0.25
    hurried: float = 30.0
    lost: float = 10.0


@dataclass(frozen=True, slots=True)
class _EndedEngine:
    """An engine that ended; *others* is what programs other than hostd's engines held of each pool before."""

    model: str
    holding: EngineMemory
    others: Mapping[str, int]
    since: float


class MemoryMonitor:
    """Reads the machine with *read*, finds what each engine of *pids* (by model) holds, and posts both.

    *catalog* names the reserve. With *machine*, main memory and cards are taken to be those of another machine, on which only
    hostd's engines hold memory.
    """

    def __init__(
        self,
        read: Callable[[Reserve], Host],
        catalog: Catalog,
        pids: Callable[[], Mapping[str, int]],
        *,
        machine: Host | None = None,
        rhythm: PollIntervals | None = None,
    ) -> None:
        self.host: Host | None = machine
        self.cards = CardWatch()
        self._read = read
        self._catalog = catalog
        self._pids = pids
        self._machine = machine
        self._rhythm = rhythm or PollIntervals()
        self._holdings: Mapping[str, EngineMemory] = {}
        self._on_cards: dict[str, tuple[int, frozenset[str]]] = {}
        self._ended: list[_EndedEngine] = []
        self._measure_now = asyncio.Event()
        self._waited_since: float | None = None
        self._measuring = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<MemoryMonitor {list(self.host.pools) if self.host else 'not measured yet'}>"

    @property
    def card_wait(self) -> float:
        """For how many seconds a boot waits for cards whose driver is not up yet."""
        return self._catalog.card_wait

    def start(self, post: Callable[[MemoryMeasured], None]) -> None:
        """Begin to measure again and again, and *post* each measurement."""
        self._task = asyncio.get_running_loop().create_task(self._run(post), name="memory monitor")

    async def close(self) -> None:
        """Measure no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def measure_soon(self) -> None:
        """Measure now."""
        self._measure_now.set()

    def poll_fast(self, waiting: bool) -> None:
        """Note whether a load waits for memory to be released; for a while, measurements follow each other fast."""
        if waiting and self._waited_since is None:
            self._waited_since = asyncio.get_running_loop().time()
            self.measure_soon()
        elif not waiting:
            self._waited_since = None

    def held(self, model: str) -> Mapping[str, int]:
        """Return what a model's engine was last seen to hold, in bytes by pool id."""
        return self._holdings.get(model, EngineMemory()).bytes

    async def held_now(self, model: str) -> Mapping[str, int]:
        """Return what a model's engine holds now, in bytes by pool id."""
        await self.measure()
        return self.held(model)

    async def cards_left(self, model: str) -> frozenset[str]:
        """Return the cards on which the engine of *model* has held memory since it was started, and holds none now."""
        await self.measure()
        _, most = self._on_cards.get(model, (0, frozenset()))
        # Of a card that cannot be measured now, nothing is known.
        there = {pool.id for pool in self.host.pools if pool.id not in self.cards.lost} if self.host else set()
        return frozenset(pool for pool in most if pool in there and not self.held(model).get(pool))

    async def measure(self) -> MemoryMeasured:
        """Return the memory as it is now."""
        # One at a time, or an older measurement could overwrite a newer one.
        async with self._measuring:
            leaders = self._pids()
            host, found = await asyncio.to_thread(self._read_and_measure, leaders)
            # An engine that ended meanwhile must not be reported as one that runs.
            running = self._pids()
            found = {model: each for model, each in found.items() if running.get(model) == leaders[model]}
            host = host if self._machine else self.cards.seen(host)
            self._notice(host, found)
            self.host, self._holdings = host, found
            self._note_cards()
            return MemoryMeasured(host.pools, {model: each.bytes for model, each in found.items()})

    def _note_cards(self) -> None:
        """Remember on which cards each engine that runs, told by its first process, was ever seen to hold memory."""
        cards = {pool.id for pool in self.host.pools if pool.kind is PoolKind.VRAM} if self.host else set()
        before, self._on_cards = self._on_cards, {}
        for model, each in self._holdings.items():
            pid, known = before.get(model, (each.pids[0], frozenset()))
            held = {pool for pool, count in each.bytes.items() if count >= _NOTABLE and pool in cards}
            self._on_cards[model] = (each.pids[0], (known if pid == each.pids[0] else frozenset()) | held)

    def last_host(self) -> Host:
        """Return the machine as it was measured last; before the first measurement, as it is now. May block."""
        return self.host or self._read(self._catalog.reserve)

    async def _run(self, post: Callable[[MemoryMeasured], None]) -> None:
        while True:
            self._measure_now.clear()
            try:
                seen = await self.measure()
            except Exception:  # without measurements the scheduler would admit loads blindly for good
                log.exception("memory_not_measured")
            else:
                post(seen)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._measure_now.wait()

    def _pause(self) -> float:
        if self._ended:
            return self._rhythm.fast
        if self._waited_since is None:
            return self._rhythm.idle
        waited = asyncio.get_running_loop().time() - self._waited_since
        return self._rhythm.fast if waited < self._rhythm.hurried else self._rhythm.idle

    def _read_and_measure(self, leaders: Mapping[str, int]) -> tuple[Host, Mapping[str, EngineMemory]]:
        host = self._machine or self._read(self._catalog.reserve)
        found = process_memory.measure(leaders, host.pools)
        pools = (_unheld(pool, found) if self._machine else _without_files(pool, found) for pool in host.pools)
        return replace(host, pools=tuple(pools)), found

    def _notice(self, host: Host, found: Mapping[str, EngineMemory]) -> None:
        """See which engines ended since the last measurement, and whether what they held is released."""
        now = asyncio.get_running_loop().time()
        if self.host is not None:
            others = {pool.id: _others(pool, self._holdings) for pool in self.host.pools}
            for model, before in self._holdings.items():
                if model not in found or found[model].pids[0] != before.pids[0]:
                    self._ended.append(_EndedEngine(model, before, others, now))
        waiting = []
        for ended in self._ended:
            missing = [pool for pool in host.pools if _missing(ended, pool, found)]
            if missing and now - ended.since < self._rhythm.lost:
                waiting.append(ended)
                continue
            for pool in missing:
                _tell(ended, pool, found, now)
        self._ended = waiting


def _others(pool: Pool, found: Mapping[str, EngineMemory]) -> int:
    return pool.total - pool.free - sum(each.bytes.get(pool.id, 0) for each in found.values())


def _missing(ended: _EndedEngine, pool: Pool, found: Mapping[str, EngineMemory]) -> bool:
    """Return whether most of what an engine held of a card is now held by an unknown program, or its processes live on."""
    held = ended.holding.bytes.get(pool.id, 0)
    if held < _NOTABLE:
        return False
    if pool.kind is not PoolKind.VRAM:
        return bool(process_memory.alive(ended.holding.pids))
    return _others(pool, found) - ended.others.get(pool.id, 0) > held // 2


def _tell(ended: _EndedEngine, pool: Pool, found: Mapping[str, EngineMemory], now: float) -> None:
    """Log which process holds what an engine has left: one of its own, or else the largest unknown one."""
    known = {pid for each in found.values() for pid in each.pids}
    strangers = [holder for holder in pool.holders if holder.pid not in known]
    own = [holder for holder in strangers if holder.pid in ended.holding.pids]
    holder = max(own or strangers, key=lambda each: each.bytes or 0, default=None)
    survivors = process_memory.alive(ended.holding.pids)
    log.warning(
        "memory_not_back",
        model=ended.model,
        pool=pool.id,
        bytes=ended.holding.bytes.get(pool.id, 0),
        seconds=round(now - ended.since, 1),
        pid=holder.pid if holder else next(iter(survivors), None),
        name=holder.name if holder else None,
    )


def _unheld(pool: Pool, found: Mapping[str, EngineMemory]) -> Pool:
    """Return a pool of another machine, with what hostd's engines hold taken from it."""
    return replace(
        pool, free=max(0, pool.total - sum(each.bytes.get(pool.id, 0) for each in found.values())), holders=()
    )


def _without_files(pool: Pool, found: Mapping[str, EngineMemory]) -> Pool:
    """Return main memory without those pages of engines' files that the system, or a control group's limit, leaves for others."""
    if pool.kind is not PoolKind.RAM:
        return pool
    return replace(pool, free=max(0, pool.free - sum(each.of_files for each in found.values())))
