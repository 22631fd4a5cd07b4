"""The dispatcher takes in events in order, one at a time, and each waiting request gets exactly one verdict."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from hostd.domain.lifecycle import State
from hostd.domain.profile import Profile
from hostd.domain.reason import ExitClass, FallbackReason
from hostd.domain.ticket import Route, Target, Ticket
from hostd.planning.warm_set.load_option import LoadOption
from hostd.runtime.dispatcher import Dispatcher, RequestRefused
from hostd.runtime.startable import unchecked
from hostd.scheduling.decisions import Decision, Routed
from hostd.scheduling.effects import Effect, RunPreflight, Serve, Sleep, Start, Stop, Wake
from hostd.scheduling.events import (
    AttemptFailed,
    Booted,
    EngineFailed,
    EngineReady,
    EngineStopped,
    Event,
    Finished,
    MemoryMeasured,
    PreflightDone,
    Reconfigured,
    ShutdownRequested,
    Ticked,
)
from hostd.scheduling.scheduler import Scheduler
from hostd.scheduling.view import QueuePosition
from tests.stage import COLD, make_profile
from tests.virtual_time import in_virtual_time

LIMITS = {"queue_timeout": 30.0, "max_queue": 2}
BAD = EngineFailed("alpha", ExitClass.BAD_FLAG, "the engine ended with status 1")


@dataclass
class Theatre:
    """An instance that reports what it is told to, and what has happened around it."""

    script: dict[str, list[Event]] = field(default_factory=dict)
    seen: list[Decision] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    started: list[LoadOption | None] = field(default_factory=list)
    heard: list[Event] = field(default_factory=list)
    at_once: bool = False

    def __post_init__(self) -> None:
        profiles: dict[str, Profile] = {
            "alpha": make_profile("alpha", Path("a"), slots=1, limits=LIMITS, warm=COLD, to=("beta",)),
            "beta": make_profile("beta", Path("b"), slots=1, limits=LIMITS, warm=COLD),
        }
        self.dispatcher = Dispatcher(Scheduler(profiles), {"alpha": self, "beta": self}, self.seen.append)

    def start(self, option: LoadOption | None) -> None:
        """Launch nothing, and report what the script says."""
        self.started.append(option)
        self._play("start")

    def stop(self) -> None:
        """Stop nothing, and report what the script says."""
        self._play("stop")

    def sleep(self, level: int) -> None:
        """Sleep as the script says."""
        self._play(f"sleep {level}")

    def wake(self) -> None:
        """Wake as the script says."""
        self._play("wake")

    def prove(self) -> None:
        """Make a token as the script says."""
        self._play("prove")

    def _play(self, call: str) -> None:
        self.calls.append(call)
        for event in self.script.get(call, []):
            if self.at_once:
                self.dispatcher.post(event)
            else:
                asyncio.get_running_loop().call_later(1.0, self.dispatcher.post, event)


def ticket(name: str, *models: str, seconds: float | None = None) -> Ticket:
    """Return a ticket whose route is *models*, and which has so many *seconds* from now."""
    deadline = None if seconds is None else asyncio.get_running_loop().time() + seconds
    return Ticket(name, Route(models[0], tuple(Target(model) for model in models)), deadline=deadline)


@in_virtual_time
async def test_serves_without_a_switch_of_tasks() -> None:
    """A place that is free is given within the call: the coroutine ends before anybody else has run."""
    theatre = Theatre()
    await ready(theatre, "alpha")
    with pytest.raises(StopIteration) as ended:
        theatre.dispatcher.admit(ticket("1", "alpha")).send(None)
    assert isinstance(ended.value.value, Serve)


async def ready(theatre: Theatre, model: str) -> None:
    """Make *model* ready."""
    theatre.script["start"] = [EngineReady(model, 1, 1.0)]
    assert State.READY is await theatre.dispatcher.load(model)


@in_virtual_time
async def test_takes_in_what_is_posted_meanwhile() -> None:
    """An event that comes out of an effect waits its turn, and is not lost."""
    theatre = Theatre({"start": [EngineReady("alpha", 1, 1.0)]}, at_once=True)
    served = await theatre.dispatcher.admit(ticket("1", "alpha"))
    assert ("alpha", 1) == (served.model, served.attempt)
    decisions = [decision.event for decision in theatre.seen]
    assert ["load_started", "model_ready", "routed"] == decisions


@in_virtual_time
async def test_rings_at_the_deadline() -> None:
    """A ticket that waits is moved on when its queue time is up, to the second."""
    theatre = Theatre()
    await ready(theatre, "alpha")
    await ready(theatre, "beta")
    await theatre.dispatcher.admit(ticket("1", "alpha"))
    began = asyncio.get_running_loop().time()
    served = await theatre.dispatcher.admit(ticket("2", "alpha", "beta"))
    assert ("beta", FallbackReason.QUEUE_TIMEOUT, 30.0) == (served.model, served.reason, served.waited)
    assert 30.0 == asyncio.get_running_loop().time() - began


@in_virtual_time
async def test_one_who_leaves_is_taken_out() -> None:
    """A cancelled waiter gives its place up, and is not served later."""
    theatre = Theatre()
    await ready(theatre, "alpha")
    await theatre.dispatcher.admit(ticket("1", "alpha"))
    waiting = asyncio.create_task(theatre.dispatcher.admit(ticket("2", "alpha")))
    await asyncio.sleep(1)
    assert QueuePosition("alpha", State.READY, 1) == theatre.dispatcher.position("2")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    theatre.dispatcher.client_left("2")
    theatre.dispatcher.post(Finished("1", 1.0))
    assert not theatre.dispatcher.scheduler.models["alpha"].serving
    assert not any(isinstance(decision, Routed) and decision.ticket_id == "2" for decision in theatre.seen)


@in_virtual_time
async def test_one_who_leaves_as_it_is_served_keeps_no_place() -> None:
    """Between the verdict and the waiter's next step the client may go; the place is free again."""
    theatre = Theatre()
    await ready(theatre, "alpha")
    await theatre.dispatcher.admit(ticket("1", "alpha"))
    waiting = asyncio.create_task(theatre.dispatcher.admit(ticket("2", "alpha")))
    await asyncio.sleep(1)
    waiting.cancel()
    theatre.dispatcher.post(Finished("1", 1.0))
    await asyncio.gather(waiting, return_exceptions=True)
    theatre.dispatcher.client_left("2")
    assert (await theatre.dispatcher.admit(ticket("3", "alpha"))).ticket_id == "3"


@in_virtual_time
async def test_a_refusal_is_raised() -> None:
    """It carries the scheduler's own effect."""
    theatre = Theatre({"start": [BAD]})
    with pytest.raises(RequestRefused, match="'alpha' could not be loaded: the engine ended with status 1") as caught:
        await theatre.dispatcher.admit(ticket("1", "alpha"))
    assert ("alpha", 0) == (caught.value.effect.model, caught.value.effect.attempts)


@in_virtual_time
async def test_moves_on() -> None:
    """A failed attempt is answered with the next target, and the last with a refusal."""
    theatre = Theatre()
    await ready(theatre, "alpha")
    await ready(theatre, "beta")
    await theatre.dispatcher.admit(ticket("1", "alpha", "beta"))
    served = await theatre.dispatcher.next_target(AttemptFailed("1", FallbackReason.STATUS_5XX, "status 500", 502))
    assert ("beta", 2, FallbackReason.STATUS_5XX) == (served.model, served.attempt, served.reason)
    with pytest.raises(RequestRefused, match="'beta' did not answer: status 500"):
        await theatre.dispatcher.next_target(AttemptFailed("1", FallbackReason.STATUS_5XX, "status 500", 502))


@in_virtual_time
async def test_loads_and_unloads() -> None:
    """Both wait for the outcome, whatever it is."""
    theatre = Theatre({"start": [EngineReady("alpha", 1, 1.0)], "stop": [EngineStopped("alpha")]})
    assert State.READY is await theatre.dispatcher.load("alpha")
    assert State.READY is await theatre.dispatcher.load("alpha")
    assert State.COLD is await theatre.dispatcher.unload("alpha")
    assert State.COLD is await theatre.dispatcher.unload("alpha")
    theatre.script["start"] = [BAD]
    assert State.FAILED is await theatre.dispatcher.load("alpha")
    assert ["start", "stop", "start"] == theatre.calls


@in_virtual_time
async def test_a_load_during_a_stop_starts_again() -> None:
    """Who wants a model that is just being stopped waits for the stop and the new start."""
    theatre = Theatre({"start": [EngineReady("alpha", 1, 1.0)], "stop": [EngineStopped("alpha")]})
    await theatre.dispatcher.load("alpha")
    unloading = asyncio.create_task(theatre.dispatcher.unload("alpha"))
    await asyncio.sleep(0.5)
    assert State.STOPPING is theatre.dispatcher.scheduler.models["alpha"].state
    assert State.READY is await theatre.dispatcher.load("alpha")
    assert ["start", "stop", "start"] == theatre.calls
    await unloading


@in_virtual_time
async def test_nothing_starts_once_it_closes() -> None:
    """A load that is asked for at closing time is not begun, so that closing comes to an end."""
    theatre = Theatre({"start": [EngineReady("alpha", 1, 1.0)]})
    theatre.dispatcher.post(Booted())
    theatre.dispatcher.post(ShutdownRequested())
    assert State.COLD is await theatre.dispatcher.load("alpha")
    assert [] == theatre.calls


@in_virtual_time
async def test_sets_no_timer_after_it_is_closed() -> None:
    """What is closed leaves the loop alone."""
    theatre = Theatre()
    waiting = asyncio.create_task(theatre.dispatcher.admit(ticket("1", "alpha")))
    await asyncio.sleep(1)
    theatre.dispatcher.close()
    await asyncio.sleep(1000)
    assert not waiting.done()
    waiting.cancel()


def test_uvloops_timers_that_are_due_already() -> None:
    """They have no time to be asked for, so what else is due is not compared with it."""
    uvloop = pytest.importorskip("uvloop")

    async def serve() -> list[Event]:
        scheduler = Puppet()
        dispatcher = Dispatcher(cast(Scheduler, scheduler), {})
        scheduler.deadline = asyncio.get_running_loop().time() - 1.0
        dispatcher.post(Booted())
        scheduler.deadline += 0.5
        dispatcher.post(Booted())
        scheduler.deadline = None
        await asyncio.sleep(0.01)
        return scheduler.heard

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert [Booted(), Booted(), Ticked()] == runner.run(serve())


class Puppet:
    """A scheduler that says what it is told to say, and notes what it hears."""

    def __init__(self, *effects: Effect) -> None:
        self.models: dict[str, object] = {}
        self.effects = list(effects)
        self.heard: list[Event] = []
        self.deadline: float | None = None

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Say everything at once."""
        del now
        self.heard.append(event)
        effects, self.effects = self.effects, []
        return effects

    def next_deadline(self) -> float | None:
        """Wait for nothing, unless told."""
        return self.deadline


CHOICE = LoadOption(0, "as planned")


@in_virtual_time
async def test_commands_reach_the_instance() -> None:
    """Effects are performed, and *heard* is told what the scheduler has taken in."""
    theatre, heard = Theatre(), list[Event]()
    scheduler = Puppet(Start("alpha", CHOICE), Sleep("alpha", 2), Wake("alpha"), Stop("alpha"))
    Dispatcher(cast(Scheduler, scheduler), {"alpha": theatre}, heard=heard.append).post(Booted())
    assert (["start", "sleep 2", "wake", "stop"], [CHOICE]) == (theatre.calls, theatre.started)
    assert [Booted()] == scheduler.heard == heard


@in_virtual_time
async def test_a_load_is_looked_at_before() -> None:
    """What is found is told to the scheduler in order; without a preflight, nothing is found against a load."""

    async def look(model: str, option: LoadOption) -> tuple[Event, ...]:
        await asyncio.sleep(1)
        return MemoryMeasured(()), PreflightDone(model, detail=option.label)

    for preflight, expected in (
        (look, [MemoryMeasured(()), PreflightDone("alpha", detail="as planned")]),
        (unchecked, [PreflightDone("alpha")]),
    ):
        scheduler = Puppet(RunPreflight("alpha", CHOICE))
        Dispatcher(cast(Scheduler, scheduler), {}, preflight=preflight).post(Booted())
        assert [Booted()] == scheduler.heard
        await asyncio.sleep(2)
        assert [Booted(), *expected] == scheduler.heard


@in_virtual_time
async def test_a_look_that_fails_is_an_answer_too() -> None:
    """The scheduler waits for one, whatever goes wrong."""

    async def look(model: str, option: LoadOption) -> tuple[Event, ...]:
        raise ZeroDivisionError(model, option.variant)

    scheduler = Puppet(RunPreflight("alpha", CHOICE))
    Dispatcher(cast(Scheduler, scheduler), {}, preflight=look).post(Booted())
    await asyncio.sleep(1)
    said = "hostd failed to look at the load beforehand: ZeroDivisionError('alpha', 0)"
    assert [Booted(), PreflightDone("alpha", ExitClass.UNKNOWN, said)] == scheduler.heard


@in_virtual_time
async def test_nothing_is_looked_at_after_it_is_closed() -> None:
    """A look that is under way is given up."""

    async def look(model: str, option: LoadOption) -> tuple[Event, ...]:
        await asyncio.sleep(1000)
        return (PreflightDone(model, detail=option.label),)

    scheduler = Puppet(RunPreflight("alpha", CHOICE))
    dispatcher = Dispatcher(cast(Scheduler, scheduler), {}, preflight=look)
    dispatcher.post(Booted())
    await asyncio.sleep(1)
    dispatcher.close()
    await asyncio.sleep(2000)
    assert [Booted()] == scheduler.heard


@in_virtual_time
async def test_forgets_the_instance_of_a_removed_model() -> None:
    """Once its engine is gone; a caller who waits for a state of it finds it cold."""
    removed: list[str] = []
    dispatcher = Dispatcher(Scheduler({"alpha": Profile("alpha", ())}), {}, remove=removed.append)
    dispatcher.post(Reconfigured({}))
    assert ["alpha"] == removed
    assert State.COLD is await dispatcher.until_state("alpha", {State.READY})
