"""An engine that no longer answers is found, and one that is only busy is left alone."""

import asyncio
from dataclasses import dataclass, field

import pytest

from hostd.domain.profile import Limits
from hostd.domain.progress import PromptProgress
from hostd.supervisor.health.activity import Activity
from hostd.supervisor.health.progress_tracker import ProgressTracker
from hostd.supervisor.health.watchdog import ProbeTimings, Watchdog
from tests.virtual_time import in_virtual_time

PACE = ProbeTimings(interval=15.0, patience=10.0, max_silent_probes=2)
LIMITS = Limits(first_token_timeout=30.0, total_timeout=600.0)


@dataclass
class Suspect:
    """An engine that does as it is told, and notes when it was asked what."""

    turning: bool = True
    answering: bool = True
    hanging: bool = False
    full: bool = False
    cores: float = 0.0
    waits: float = 0.0
    asked: list[tuple[float, str]] = field(default_factory=list)
    began: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    def __post_init__(self) -> None:
        self.tracker = ProgressTracker(lambda: LIMITS, self.began)

    def watched(self, timings: ProbeTimings = PACE) -> Watchdog:
        """Return its watchdog."""
        return Watchdog(self.turns, self.answers, lambda: self.full, self.activity, self.tracker, timings)

    @property
    def clock(self) -> float:
        """Seconds since it began."""
        return round(asyncio.get_running_loop().time() - self.began, 3)

    async def reply(self, question: str, good: bool) -> bool:
        """Answer a question, or never."""
        self.asked.append((self.clock, question))
        await asyncio.sleep(1e6 if self.hanging else 0.1)
        return good

    async def turns(self) -> bool:
        """Say whether the loop turns."""
        return await self.reply("turns", self.turning)

    async def answers(self) -> bool:
        """Say whether it makes a token."""
        return await self.reply("answers", self.answering)

    async def activity(self) -> Activity:
        """Say how much it has computed, and for how long it had to wait for a processor."""
        return Activity(self.clock, cpu=self.cores * self.clock, waited=self.waits * self.clock)


@in_virtual_time
async def test_twice_silent_is_wedged() -> None:
    """One interval without traffic, then two questions that are not answered in time: for the second only a token will do."""
    engine = Suspect(hanging=True)
    said = await engine.watched().wedged()
    assert [(15.0, "turns"), (25.0, "answers")] == engine.asked
    assert 35.0 == engine.clock
    assert "no longer answers although it runs: 2 probes in a row were not answered within 10 s each" in said


@in_virtual_time
async def test_a_refusal_is_no_answer() -> None:
    """An engine that answers with errors is as good as silent, and need not be waited for so long."""
    engine = Suspect(turning=False, answering=False)
    await engine.watched().wedged()
    assert [(15.0, "turns"), (15.1, "answers"), (16.2, "answers")] == engine.asked


@in_virtual_time
async def test_asks_rarely_while_all_is_well() -> None:
    """A healthy idle engine gets one cheap question each interval."""
    engine = Suspect()
    watching = asyncio.create_task(engine.watched().wedged())
    await asyncio.sleep(100)
    assert not watching.done()
    assert {"turns"} == {question for _, question in engine.asked}
    assert 6 == len(engine.asked)
    watching.cancel()


@in_virtual_time
async def test_asks_nothing_while_traffic_succeeds() -> None:
    """Real answers are the best sign of life."""
    engine = Suspect(hanging=True)
    watchdog = engine.watched()
    watching = asyncio.create_task(watchdog.wedged())
    for _ in range(20):
        await asyncio.sleep(14)
        watchdog.progress()
    assert (False, []) == (watching.done(), engine.asked)
    watching.cancel()


@in_virtual_time
async def test_traffic_excuses_a_silence() -> None:
    """A probe that is not answered counts for nothing when a real answer comes meanwhile."""
    engine = Suspect(hanging=True)
    watchdog = engine.watched()
    watching = asyncio.create_task(watchdog.wedged())
    await asyncio.sleep(30)
    watchdog.progress()
    await asyncio.sleep(10)
    assert not watching.done()
    watching.cancel()


@in_virtual_time
async def test_asks_nothing_while_every_place_is_taken() -> None:
    """A question would only queue behind the answers."""
    engine = Suspect(hanging=True, full=True)
    watching = asyncio.create_task(engine.watched().wedged())
    await asyncio.sleep(100)
    assert [] == engine.asked
    engine.full = False
    await asyncio.wait_for(watching, 60)


@in_virtual_time
async def test_an_engine_that_does_nothing_for_the_requests_in_its_slots_is_probed() -> None:
    """No probe waits behind them, for they are not worked on."""
    engine = Suspect(hanging=True, full=True)
    engine.tracker.reported(None, engine.began + 10.0, computes=False)
    await engine.watched().wedged()
    assert [(15.0, "turns"), (25.0, "answers")] == engine.asked


@in_virtual_time
async def test_a_suspicion_asks_for_a_token_at_once() -> None:
    """After a request ran into a limit, a loop that turns is no longer enough, even with every place taken."""
    engine = Suspect(hanging=True, full=True)
    watchdog = engine.watched()
    watching = asyncio.create_task(watchdog.wedged())
    await asyncio.sleep(5)
    watchdog.suspect()
    await watching
    assert [(5.0, "answers"), (15.0, "answers")] == engine.asked
    assert not watchdog.computes, "a frozen engine is no request's fault"


@in_virtual_time
async def test_a_suspicion_may_be_unfounded() -> None:
    """A token is proof enough, and then all is as before."""
    engine = Suspect()
    watchdog = engine.watched()
    watching = asyncio.create_task(watchdog.wedged())
    await asyncio.sleep(5)
    watchdog.suspect()
    await asyncio.sleep(16)
    assert [(5.0, "answers"), (20.1, "turns")] == engine.asked
    watching.cancel()


@pytest.mark.parametrize(("cores", "waits"), [(1.0, 0.0), (0.3, 0.6), (0.02, 0.9)])
@in_virtual_time
async def test_an_engine_that_computes_and_reports_nothing_is_given_longer(cores: float, waits: float) -> None:
    """A slow machine that prefills a long prompt answers no probe for a while, however little of a core it gets; not for ever."""
    engine = Suspect(hanging=True, cores=cores, waits=waits)
    said = await engine.watched().wedged()
    assert 15.0 + LIMITS.total_timeout + 10.0 == engine.clock
    assert "computes and answers nothing" in said
    assert "reports nothing about its progress" in said


@in_virtual_time
async def test_an_engine_that_computes_without_the_tokens_that_it_reports_is_stuck() -> None:
    """It has read its prompt, and its next token is not on the way: a few probes after its limit it is given up."""
    engine = Suspect(hanging=True, cores=1.0)
    engine.tracker.begun(engine.began)
    engine.tracker.prompt("request", PromptProgress(5, 5), engine.began)
    watchdog = engine.watched()
    said = await watchdog.wedged()
    assert watchdog.computes, "what it was asked is not known to be the cause"
    assert LIMITS.first_token_timeout < engine.clock <= LIMITS.first_token_timeout + 2 * PACE.patience
    assert "reported no token for" in said


@in_virtual_time
async def test_a_batch_of_a_prompt_may_take_its_time() -> None:
    """A probe waits behind it, and is answered when it is done."""
    engine = Suspect(hanging=True, cores=1.0)
    engine.tracker.begun(engine.began)
    engine.tracker.prompt("request", PromptProgress(0, 400), engine.began)
    watching = asyncio.create_task(engine.watched().wedged())
    await asyncio.sleep(190)
    assert not watching.done()
    engine.hanging = False
    await asyncio.sleep(400)
    assert not watching.done()
    watching.cancel()


@in_virtual_time
async def test_a_loop_that_turns_is_no_token() -> None:
    """The engine is not killed, and yet its requests are not told that it gets on."""
    engine = Suspect(cores=1.0)
    watching = asyncio.create_task(engine.watched().wedged())
    await asyncio.sleep(100)
    assert (False, engine.began) == (watching.done(), engine.tracker.alive_at)
    watching.cancel()
