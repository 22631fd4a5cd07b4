"""The keeper of memory: measures what there is and who holds it, and tells the desk.

It looks every few seconds, at once when somebody asks, and several times a second while somebody waits for memory to come back.
What an engine leaves behind when it has gone, it traces to whoever still holds it.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from hostd.domain.host import Host, Pool, PoolKind, Reserve
from hostd.scheduling.events import MemoryMeasured
from hostd.supervisor import process_memory
from hostd.supervisor.process_memory import EngineMemory

log = structlog.get_logger()

_NOTABLE = 64 << 20
"""Bytes; less than this is not worth a search."""


@dataclass(frozen=True, slots=True)
class PollIntervals:
    """Seconds: between two looks, between two while somebody waits and how long that lasts, and until memory counts as lost."""

    idle: float = 5.0
    fast: float = 0.25
    hurried: float = 30.0
    lost: float = 10.0


@dataclass(frozen=True, slots=True)
class _Departed:
    """An engine that has gone; *others* is what programs that are not ours held of each pool before."""

    model: str
    holding: EngineMemory
    others: Mapping[str, int]
    since: float


class MemoryMonitor:
    """Measures for the desk; *engines* are the instances by model.

    With *machine*, main memory and cards are taken to be those of another machine, on which nobody but our engines holds
    anything.
    """

    def __init__(
        self,
        read: Callable[[Reserve], Host],
        reserve: Reserve,
        post: Callable[[MemoryMeasured], None],
        pids: Callable[[], Mapping[str, int]],
        *,
        machine: Host | None = None,
        rhythm: PollIntervals | None = None,
    ) -> None:
        self.host: Host | None = machine
        self._read = read
        self._reserve = reserve
        self._post = post
        self._pids = pids
        self._machine = machine
        self._rhythm = rhythm or PollIntervals()
        self._holdings: Mapping[str, EngineMemory] = {}
        self._departed: list[_Departed] = []
        self._poked = asyncio.Event()
        self._waited_since: float | None = None
        self._measuring = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Keeper {list(self.host.pools) if self.host else 'has not looked yet'}>"

    def start(self) -> None:
        """Begin to look, and to tell."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="keeper")

    async def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def measure_soon(self) -> None:
        """Look now."""
        self._poked.set()

    def poll_fast(self, waiting: bool) -> None:
        """Note whether somebody waits for memory to come back; for a while, looks follow each other fast."""
        if waiting and self._waited_since is None:
            self._waited_since = asyncio.get_running_loop().time()
            self.measure_soon()
        elif not waiting:
            self._waited_since = None

    def held(self, model: str) -> Mapping[str, int]:
        """Return what a model's engine was last seen to hold, in bytes by pool id."""
        return self._holdings.get(model, EngineMemory()).bytes

    async def measure(self) -> MemoryMeasured:
        """Return the memory as it is now."""
        async with self._measuring:
            leaders = self._pids()
            host, found = await asyncio.to_thread(self._look, leaders)
            # An engine that ended meanwhile must not be reported as one that runs.
            running = self._pids()
            found = {model: each for model, each in found.items() if running.get(model) == leaders[model]}
            self._notice(host, found)
            self.host, self._holdings = host, found
            return MemoryMeasured(host.pools, {model: each.bytes for model, each in found.items()})

    async def _run(self) -> None:
        while True:
            self._poked.clear()
            try:
                seen = await self.measure()
            except Exception:  # without a keeper the desk would be blind for good
                log.exception("memory_not_measured")
            else:
                self._post(seen)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._poked.wait()

    def _pause(self) -> float:
        if self._departed:
            return self._rhythm.fast
        if self._waited_since is None:
            return self._rhythm.idle
        waited = asyncio.get_running_loop().time() - self._waited_since
        return self._rhythm.fast if waited < self._rhythm.hurried else self._rhythm.idle

    def _look(self, leaders: Mapping[str, int]) -> tuple[Host, Mapping[str, EngineMemory]]:
        host = self._machine or self._read(self._reserve)
        found = process_memory.measure(leaders, host.pools)
        pools = (_unheld(pool, found) if self._machine else _without_files(pool, found) for pool in host.pools)
        return replace(host, pools=tuple(pools)), found

    def _notice(self, host: Host, found: Mapping[str, EngineMemory]) -> None:
        """See which engines have gone since the last look, and whether what they held is back."""
        now = asyncio.get_running_loop().time()
        if self.host is not None:
            others = {pool.id: _others(pool, self._holdings) for pool in self.host.pools}
            for model, before in self._holdings.items():
                if model not in found or found[model].pids[0] != before.pids[0]:
                    self._departed.append(_Departed(model, before, others, now))
        waiting = []
        for departed in self._departed:
            missing = [pool for pool in host.pools if _missing(departed, pool, found)]
            if missing and now - departed.since < self._rhythm.lost:
                waiting.append(departed)
                continue
            for pool in missing:
                _tell(departed, pool, found, now)
        self._departed = waiting


def _others(pool: Pool, found: Mapping[str, EngineMemory]) -> int:
    return pool.total - pool.free - sum(each.bytes.get(pool.id, 0) for each in found.values())


def _missing(departed: _Departed, pool: Pool, found: Mapping[str, EngineMemory]) -> bool:
    """Return whether most of what an engine held of a card is held by somebody unknown now, or its processes live on."""
    held = departed.holding.bytes.get(pool.id, 0)
    if held < _NOTABLE:
        return False
    if pool.kind is not PoolKind.VRAM:
        return bool(process_memory.alive(departed.holding.pids))
    return _others(pool, found) - departed.others.get(pool.id, 0) > held // 2


def _tell(departed: _Departed, pool: Pool, found: Mapping[str, EngineMemory], now: float) -> None:
    """Log who holds what an engine has left: one of its own processes, or else the largest of the unknown."""
    known = {pid for each in found.values() for pid in each.pids}
    strangers = [holder for holder in pool.holders if holder.pid not in known]
    own = [holder for holder in strangers if holder.pid in departed.holding.pids]
    holder = max(own or strangers, key=lambda each: each.bytes or 0, default=None)
    survivors = process_memory.alive(departed.holding.pids)
    log.warning(
        "memory_not_back",
        model=departed.model,
        pool=pool.id,
        bytes=departed.holding.bytes.get(pool.id, 0),
        seconds=round(now - departed.since, 1),
        pid=holder.pid if holder else next(iter(survivors), None),
        name=holder.name if holder else None,
    )


def _unheld(pool: Pool, found: Mapping[str, EngineMemory]) -> Pool:
    """Return a pool of a machine that is not here, with what our engines hold taken from it."""
    return replace(
        pool, free=max(0, pool.total - sum(each.bytes.get(pool.id, 0) for each in found.values())), holders=()
    )


def _without_files(pool: Pool, found: Mapping[str, EngineMemory]) -> Pool:
    """Return main memory without those pages of our engines' files that the system calls available.

    A control group counts them as used already.
    """
    if pool.kind is not PoolKind.RAM or "cgroup" in dict(pool.facts):
        return pool
    return replace(pool, free=max(0, pool.free - sum(each.of_files for each in found.values())))
