"""``hostd.simulation.simulator``."""

from dataclasses import replace

import pytest

from hostd.domain.errors import Bug, CapacityError
from hostd.scheduling.effects import Effect, Refuse, RunPreflight, Serve, Start, Stop
from hostd.scheduling.events import (
    Arrived,
    Booted,
    EngineReady,
    EngineStopped,
    Event,
    Finished,
    LoadOptionsChanged,
    MemoryMeasured,
    PreflightDone,
)
from hostd.simulation.counters import Counters
from hostd.simulation.host_model import SimulatedHost
from hostd.simulation.simulator import CHECK_SECONDS, Simulator
from hostd.simulation.trace import TraceRequest
from tests.simulation.example_hosts import CARD, GIB, host_of, model_of

HOST = host_of(model_of("a", 4.0, output=10.0), model_of("b", 20.0))


class Script:
    """Decides as it was told, by the kind of event, and remembers what it saw and when."""

    def __init__(self, **answers: list[Effect]) -> None:
        self._answers = answers
        self.seen: list[tuple[float, Event]] = []

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Note the event; answer the first of its kind."""
        self.seen.append((round(now, 3), event))
        return self._answers.pop(type(event).__name__, [])

    def next_deadline(self) -> float | None:
        """Return None: it wants nothing."""
        return None

    def times(self, kind: type[Event]) -> list[float]:
        """Return when events of *kind* came."""
        return [now for now, event in self.seen if isinstance(event, kind)]


def run(script: Script, *requests: TraceRequest, there: SimulatedHost = HOST) -> Counters:
    """Replay *requests* and return what came of it."""
    counters = Counters(dict.fromkeys(there.models, (10.0, 100.0)))
    Simulator(there, script, counters).run(requests)
    return counters


def serve(ticket_id: str = "1", model: str = "a") -> Serve:
    """Return the effect that serves a ticket."""
    return Serve(ticket_id, model, 1, None, 0.0, 0.0)


def test_a_boot_tells_all_that_is_known() -> None:
    """The ways to load each model and the memory, before anything else."""
    script = Script()
    run(script)
    assert [LoadOptionsChanged, LoadOptionsChanged, MemoryMeasured, Booted] == [type(event) for _, event in script.seen]


def test_a_request_is_loaded_for_and_answered() -> None:
    """The load takes its time, then the prompt at 400 and the answer at 10 tokens a second; the wait ends with the service."""
    option = HOST.models["a"].options[0]
    script = Script(Arrived=[RunPreflight("a", option)], PreflightDone=[Start("a", option)], EngineReady=[serve()])
    counters = run(script, TraceRequest(5.0, "a", 400, 20))
    loaded = 5.0 + CHECK_SECONDS + option.load_seconds
    assert [5.05] == script.times(PreflightDone)
    assert [round(loaded, 3)] == script.times(EngineReady)
    assert pytest.approx(loaded + 1.0 + 2.0) == counters.span
    assert [pytest.approx(loaded - 5.0)] == list(counters.waits)
    assert (1, 1, 0, 0) == (counters.loads, counters.served_count, counters.evictions, counters.overcommits)


def test_memory_is_held_until_an_engine_has_gone() -> None:
    """What is free falls when a load begins; an engine is gone first, and then its memory is seen to be back."""
    option = HOST.models["a"].options[0]
    refusal = Refuse("1", CapacityError("no", code="no", retry_after=1.0), "a", 0, None, 0.0)
    script = Script(Booted=[Start("a", option)], EngineReady=[Stop("a")], Arrived=[refusal])
    counters = run(script, TraceRequest(60.0, "b", 1, 1))
    free = [event.pools[0].free // GIB for _, event in script.seen if isinstance(event, MemoryMeasured)]
    assert [23, 19, 23] == free
    kinds = [type(event) for _, event in script.seen]
    at = kinds.index(EngineStopped)
    assert [EngineStopped, MemoryMeasured] == kinds[at : at + 2]
    assert (1, 1) == (counters.evictions, counters.refusals)


def test_a_load_beyond_the_memory_is_counted() -> None:
    """Both models need more than there is: the second start is an over-commitment."""
    first, second = (HOST.models[name].options[0] for name in ("a", "b"))
    script = Script(Booted=[Start("a", first), Start("b", second)], Arrived=[serve()])
    counters = run(script, TraceRequest(60.0, "a", 1, 1))
    assert (2, 1) == (counters.loads, counters.overcommits)


def test_an_answer_that_is_stopped_is_broken() -> None:
    """Its ticket is over, and it counts as broken."""
    option = HOST.models["a"].options[0]
    script = Script(Booted=[Start("a", option)], Arrived=[serve(), Stop("a")])
    counters = run(script, TraceRequest(60.0, "a", 1, 1000))
    assert (1, 1) == (counters.served_count, counters.broken)


def test_no_request_is_sent_to_an_engine_that_is_not_there() -> None:
    """A decision-maker that serves from an engine that is not loaded has a bug."""
    with pytest.raises(Bug, match="which is not loaded"):
        run(Script(Arrived=[serve()]), TraceRequest(0.0, "a", 1, 1))


def test_waiting_for_nothing_is_a_bug() -> None:
    """A ticket that is lost is found out instead of waited for."""
    with pytest.raises(Bug, match="something that never happens"):
        run(Script(), TraceRequest(0.0, "a", 1, 1))


def test_what_others_hold_is_not_there() -> None:
    """The pools are as the host has them, no more."""
    there = replace(HOST, pools=tuple(replace(pool, free=10 * GIB) for pool in HOST.pools))
    script = Script()
    run(script, there=there)
    (seen,) = [event for _, event in script.seen if isinstance(event, MemoryMeasured)]
    assert (CARD, 10 * GIB) == (seen.pools[0].id, seen.pools[0].free)


def test_a_session_reads_what_its_slot_does_not_hold() -> None:
    """The second step reads 200 new tokens and the last one; after the engine was stopped all of it, and the answer tells which."""
    option = HOST.models["a"].options[0]
    steps = [TraceRequest(at, "a", tokens, 0, "s") for at, tokens in ((60.0, 1000), (70.0, 1200), (200.0, 1200))]

    class Following(Script):
        def handle(self, event: Event, now: float) -> list[Effect]:
            super().handle(event, now)
            match event:
                case Booted() | EngineStopped():
                    return [Start("a", option)]
                case Arrived(ticket):
                    assert "s" == ticket.conversation.key
                    return [serve(ticket.id)]
                case Finished("2"):
                    return [Stop("a")]
                case _:
                    return []

    script = Following()
    counters = run(script, *steps)
    sums = [event.sums for _, event in script.seen if isinstance(event, Finished)]
    assert [(1000, 0), (1200, 1000), (1200, 0)] == [(each.prompt, each.cached) for each in sums if each]
    assert [2.5, 0.5, 3.0] == [pytest.approx(each.reading) for each in sums if each]
    assert (3400, 1000) == (counters.prompt_tokens, counters.cached_tokens)
    assert [2.5, 0.5, 3.0] == pytest.approx(list(counters.firsts))
