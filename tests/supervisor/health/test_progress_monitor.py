"""An engine is looked at while requests wait for it in silence, and only then."""

import asyncio
from dataclasses import dataclass, field

from hostd.domain.profile import Limits
from hostd.domain.progress import EngineProgress, SlotProgress
from hostd.supervisor.health.activity import Activity
from hostd.supervisor.health.progress_monitor import LONGEST_PAUSE, ProgressMonitor
from tests.virtual_time import in_virtual_time

LIMITS = Limits(first_token_timeout=30.0, stall_timeout=45.0, total_timeout=600.0)


@dataclass
class Watched:
    """An engine that does as it is told."""

    busy: bool = True
    silent: bool = False
    cores: float = 0.0
    hangs_at: float = 1e9
    report: EngineProgress | None = None
    looks: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.began = asyncio.get_running_loop().time()
        self.monitor = ProgressMonitor(lambda: LIMITS, self.reports, self.activity, lambda: self.busy)

    @property
    def clock(self) -> float:
        """Seconds since it began."""
        return round(asyncio.get_running_loop().time() - self.began, 3)

    async def reports(self) -> EngineProgress | None:
        """Say what its slots do, or nothing."""
        self.looks.append(self.clock)
        if self.silent:
            await asyncio.sleep(1e6)
        return self.report

    async def activity(self) -> Activity:
        """Say what it has computed."""
        return Activity(asyncio.get_running_loop().time(), cpu=self.cores * min(self.clock, self.hangs_at), waited=0.0)


@in_virtual_time
async def test_a_silent_engine_is_looked_at_often_enough_for_its_limit() -> None:
    """What it does is known when the limit has passed, and then there is no progress."""
    engine = Watched()
    await asyncio.sleep(30)
    assert len(engine.looks) >= 4
    assert engine.began == await engine.monitor.sign()
    engine.monitor.close()


@in_virtual_time
async def test_an_engine_whose_answers_arrive_is_left_alone() -> None:
    """Nothing is asked that the answers say anyway."""
    engine = Watched()
    for _ in range(60):
        await asyncio.sleep(1)
        engine.monitor.received()
    assert [] == engine.looks
    assert 60.0 == await engine.monitor.sign() - engine.began
    engine.monitor.close()


@in_virtual_time
async def test_an_engine_without_requests_is_left_alone() -> None:
    """The watch ends with the last of them, and begins again with the next."""
    engine = Watched()
    engine.busy = False
    engine.monitor.done("request", given_up=False)
    await asyncio.sleep(100)
    assert [] == engine.looks
    engine.busy = True
    engine.monitor.begun()
    await asyncio.sleep(2 * LONGEST_PAUSE + 1)
    assert engine.looks


@in_virtual_time
async def test_tokens_in_its_slots_are_a_sign() -> None:
    """Of requests whose own connection says nothing."""
    engine = Watched(report=EngineProgress((SlotProgress(1),)))
    await asyncio.sleep(20)
    engine.report = EngineProgress((SlotProgress(2),))
    assert 20.0 <= await engine.monitor.sign() - engine.began
    engine.monitor.close()


@in_virtual_time
async def test_an_engine_that_reports_nothing_and_computes_is_at_work() -> None:
    """Whether it refuses the question or does not answer it; one that does not compute is not."""
    for silent in (False, True):
        engine = Watched(silent=silent, cores=1.0)
        await asyncio.sleep(100)
        assert await engine.monitor.sign() - engine.began >= 90.0
        engine.monitor.close()


@in_virtual_time
async def test_a_request_that_was_given_up_is_watched_to_its_end() -> None:
    """The engine may still be busy with it, or hang in it."""
    engine = Watched(report=EngineProgress((SlotProgress(0, 5, 0),)), cores=1.0)
    await asyncio.sleep(10)
    engine.busy = False
    engine.monitor.done("request", given_up=True)
    await asyncio.sleep(31)
    assert engine.monitor.tracker.overdue(engine.began + engine.clock)
    engine.report = EngineProgress()
    await asyncio.sleep(10)
    looks = len(engine.looks)
    assert not engine.monitor.tracker.abandoned
    await asyncio.sleep(100)
    assert looks == len(engine.looks)


@in_virtual_time
async def test_a_look_long_ago_says_nothing_of_now() -> None:
    """An engine that computed for hours yesterday may hang today."""
    engine = Watched(cores=1.0, hangs_at=3600.0)
    await engine.monitor.sample()
    engine.busy = False
    await asyncio.sleep(3610)
    engine.busy = True
    engine.monitor.begun()
    await asyncio.sleep(10)
    assert await engine.monitor.sign() < engine.began + 3600.0
    engine.monitor.close()
