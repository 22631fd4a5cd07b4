"""Memory is measured and reported, fast while a load waits, and what was not released is traced."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import structlog

from hostd.domain.catalog import Catalog
from hostd.domain.host import Holder, Host, Pool, PoolKind, Reserve
from hostd.domain.profile import Settings
from hostd.hardware.probe import Sensors
from hostd.scheduling.events import MemoryMeasured
from hostd.supervisor.memory_monitor import MemoryMonitor, PollIntervals

GIB = 1 << 30
DEADLINE = 10.0
RAM = Pool("ram", PoolKind.RAM, "Main memory", 64 * GIB, 50 * GIB, 60 * GIB)
CARD = Pool("cuda:0", PoolKind.VRAM, "card", 24 * GIB, 23 * GIB, 22 * GIB)
SLOW = PollIntervals(idle=3600.0, fast=0.01, hurried=3600.0, lost=0.05)


@dataclass
class Engine:
    """An instance as the monitor sees it."""

    pid: int | None = None


def pids(engines: Mapping[str, Engine]) -> Callable[[], Mapping[str, int]]:
    """Return what tells the pid of each of *engines* that has one."""
    return lambda: {name: engine.pid for name, engine in engines.items() if engine.pid is not None}


@dataclass
class Machine:
    """Sensors that read what the test says."""

    pools: tuple[Pool, ...] = (RAM, CARD)
    asked: list[Reserve] = field(default_factory=list)
    broken: int = 0

    def read(self, reserve: Reserve) -> Host:
        """Return the machine."""
        self.asked.append(reserve)
        if self.broken:
            self.broken -= 1
            raise OSError("no more files")
        return Host("Linux", "a processor", 64 * GIB, self.pools)


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own."""
    command = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as begun:
        assert begun.stdout is not None
        begun.stdout.readline()
        yield begun
        begun.communicate(b"\n")


def held_by(pid: int, name: str = "engine") -> Pool:
    """Return the card with 10 GiB of it held by a process."""
    return replace(CARD, free=13 * GIB, holders=(Holder(pid, name, 10 * GIB),))


@asynccontextmanager
async def at_work(monitor: MemoryMonitor, seen: "asyncio.Queue[MemoryMeasured]") -> AsyncIterator[None]:
    """Let *monitor* measure by itself for a while; *seen* takes what it posts."""
    monitor.start(seen.put_nowait)
    try:
        async with asyncio.timeout(DEADLINE):
            yield
    finally:
        await monitor.close()


async def test_it_measures_pools_and_what_holds_them(process: subprocess.Popen[bytes]) -> None:
    """The owner's reserve is passed on, and what was seen last can be asked for."""
    machine = Machine((RAM, held_by(process.pid)))
    monitor = MemoryMonitor(
        machine.read, Catalog(Settings(reserve=Reserve(ram=7))), pids({"m": Engine(process.pid), "cold": Engine()})
    )
    seen = await monitor.measure()
    assert [Reserve(ram=7)] == machine.asked
    assert ["ram", "cuda:0"] == [pool.id for pool in seen.pools]
    assert {"m"} == set(seen.held)
    assert 10 * GIB == seen.held["m"]["cuda:0"] == monitor.held("m")["cuda:0"]
    assert 0 < seen.held["m"]["ram"] < GIB
    assert {} == monitor.held("cold")
    assert monitor.host is not None
    assert seen.pools == monitor.host.pools


@pytest.mark.skipif(sys.platform != "linux", reason="only there is it told which pages are a file's")
async def test_pages_of_an_engines_files_are_not_free(process: subprocess.Popen[bytes]) -> None:
    """The system calls them available, and within a control group's limit they count as cache that can be dropped."""
    engines = {"m": Engine(process.pid)}
    for pool in (RAM, replace(RAM, facts=(("cgroup", "/sys/fs/cgroup/a"),))):
        seen = await MemoryMonitor(Machine((pool,)).read, Catalog(), pids(engines)).measure()
        assert seen.pools[0].free < RAM.free


async def test_it_measures_at_start_and_on_request() -> None:
    """However long its pauses are."""
    seen = asyncio.Queue[MemoryMeasured]()
    monitor = MemoryMonitor(Machine().read, Catalog(), dict, rhythm=SLOW)
    async with at_work(monitor, seen):
        await seen.get()
        monitor.measure_soon()
        await seen.get()
    assert seen.empty()


async def test_it_polls_fast_while_a_load_waits() -> None:
    """And stops when none does any more."""
    seen = asyncio.Queue[MemoryMeasured]()
    monitor = MemoryMonitor(Machine().read, Catalog(), dict, rhythm=SLOW)
    async with at_work(monitor, seen):
        monitor.poll_fast(waiting=True)
        for _ in range(5):
            await seen.get()
        monitor.poll_fast(waiting=False)
        assert SLOW.idle == monitor._pause()


async def test_polling_fast_does_not_last_for_ever() -> None:
    """Memory that is not released by then belongs to another program."""
    seen = asyncio.Queue[MemoryMeasured]()
    monitor = MemoryMonitor(Machine().read, Catalog(), dict, rhythm=replace(SLOW, hurried=0.05))
    async with at_work(monitor, seen):
        monitor.poll_fast(waiting=True)
        await seen.get()
        while monitor._pause() != SLOW.idle:
            await seen.get()
        monitor.poll_fast(waiting=True)
        assert SLOW.idle == monitor._pause()
        monitor.poll_fast(waiting=False)
        monitor.poll_fast(waiting=True)
        assert SLOW.fast == monitor._pause()


async def test_a_measurement_that_fails_is_repeated() -> None:
    """One broken reading does not end the measuring."""
    seen = asyncio.Queue[MemoryMeasured]()
    monitor = MemoryMonitor(Machine(broken=1).read, Catalog(), dict, rhythm=replace(SLOW, idle=0.01))
    with structlog.testing.capture_logs() as logs:
        async with at_work(monitor, seen):
            await seen.get()
    assert "memory_not_measured" == logs[0]["event"]


async def test_another_machine_has_what_the_engines_leave(process: subprocess.Popen[bytes]) -> None:
    """No other program holds anything of it, and only engines are measured."""
    small = Host("Linux", "a file", GIB, (replace(RAM, total=GIB, free=0, budget=GIB // 2),))
    machine = Machine()
    monitor = MemoryMonitor(machine.read, Catalog(), pids({"m": Engine(process.pid)}), machine=small)
    seen = await monitor.measure()
    assert [] == machine.asked
    assert (GIB, GIB // 2) == (seen.pools[0].total, seen.pools[0].budget)
    assert GIB - seen.held["m"]["ram"] == seen.pools[0].free


async def test_an_engine_that_ended_meanwhile_holds_nothing(process: subprocess.Popen[bytes]) -> None:
    """What was measured of it is no longer true when it is told."""
    engine = Engine(process.pid)

    class Late(Machine):
        def read(self, reserve: Reserve) -> Host:
            engine.pid = None
            return super().read(reserve)

    seen = await MemoryMonitor(Late().read, Catalog(), pids({"m": engine})).measure()
    assert {} == seen.held


async def until(monitor: MemoryMonitor, logs: list[Any], done: Callable[[], bool]) -> list[Any]:
    """Measure until something is so, and return what was logged."""
    async with asyncio.timeout(DEADLINE):
        while not done():
            await monitor.measure()
    return [each for each in logs if each["event"] == "memory_not_back"]


@pytest.mark.parametrize("own", [True, False])
async def test_the_process_that_holds_unreleased_memory_is_named(process: subprocess.Popen[bytes], own: bool) -> None:
    """A process that the engine left behind, or else the largest unknown one; once, and measured fast until then."""
    engine, machine = Engine(process.pid), Machine((RAM, held_by(process.pid)))
    monitor = MemoryMonitor(machine.read, Catalog(), pids({"m": engine}), rhythm=SLOW)
    await monitor.measure()
    engine.pid = None
    small = Holder(4, "compositor", 1 * GIB)
    left = Holder(process.pid if own else 3, "left behind", (0 if own else 9) * GIB)
    machine.pools = (RAM, replace(CARD, free=13 * GIB, holders=(small, left)))
    with structlog.testing.capture_logs() as logs:
        await monitor.measure()
        assert SLOW.fast == monitor._pause()
        told = await until(monitor, logs, lambda: bool(logs))
        told += await until(monitor, logs, lambda: monitor._pause() == SLOW.idle)
    assert [("m", "cuda:0", 10 * GIB, left.pid, "left behind")] == list(
        dict.fromkeys((each["model"], each["pool"], each["bytes"], each["pid"], each["name"]) for each in told)
    )


async def test_memory_that_came_back_is_not_mentioned(process: subprocess.Popen[bytes]) -> None:
    """Also when another engine has taken it meanwhile."""
    engine, other = Engine(process.pid), Engine()
    machine = Machine((RAM, held_by(process.pid)))
    monitor = MemoryMonitor(machine.read, Catalog(), pids({"m": engine, "n": other}), rhythm=replace(SLOW, lost=0.0))
    await monitor.measure()
    engine.pid, other.pid = None, process.pid
    with structlog.testing.capture_logs() as logs:
        await monitor.measure()
    assert ([], SLOW.idle) == (logs, monitor._pause())


async def test_a_card_that_an_engine_has_left_is_told(process: subprocess.Popen[bytes]) -> None:
    """The same engine held memory there and holds none now; nothing is told of a card that cannot be measured."""
    machine, engines = Machine((RAM, held_by(process.pid))), {"m": Engine(process.pid)}
    monitor = MemoryMonitor(machine.read, Catalog(), pids(engines))
    assert not await monitor.cards_left("m")
    machine.pools = (RAM,)
    assert not await monitor.cards_left("m")
    machine.pools = (RAM, CARD)
    for _ in range(2):
        assert {"cuda:0"} == await monitor.cards_left("m")
    engines["m"].pid = os.getpid()
    assert not await monitor.cards_left("m")
    engines["m"].pid = None
    assert not await monitor.cards_left("m")


async def test_this_machine_can_be_measured() -> None:
    """Real sensors are as good as those of a test."""
    seen = await MemoryMonitor(Sensors().read, Catalog(), dict).measure()
    assert all(0 <= pool.free <= pool.total for pool in seen.pools)
    assert seen.pools
