"""The way of a request: what the fast path does is what the events do, whatever has happened before."""

import os
from dataclasses import fields

import pytest
from hypothesis import HealthCheck, settings

from hostd.scheduling.effects import Effect, Explain
from hostd.scheduling.events import Arrived, Event, Finished
from hostd.scheduling.model_state import ModelState
from hostd.scheduling.request_state import RequestState
from hostd.scheduling.scheduler import Scheduler
from tests.scheduling.checked_scheduler import ids
from tests.scheduling.scenario import Rehearsal, profile
from tests.scheduling.test_memory_admission_properties import TooLittle
from tests.scheduling.test_request_flow_properties import AnyOrder


def state_of(scheduler: Scheduler) -> dict[str, object]:
    """Return all that a scheduler knows, as values that can be compared."""
    models = {name: model_state(model) for name, model in scheduler.models.items()}
    deadlines = {name: scheduler._context.deadlines._at[name] for name in scheduler._context.deadlines}
    return {
        "models": models,
        "deadlines": deadlines,
        "memory": scheduler.memory(0.0),
        "next": scheduler.next_deadline(),
    }


def model_state(model: ModelState) -> dict[str, object]:
    """Return all that is known of one model."""
    known = {each.name: getattr(model, each.name) for each in fields(model)}
    known["queue"] = [request_state(request) for request in model.queue]
    known["serving"] = [request_state(request) for request in model.serving.values()]
    held = model.awaiting_cause.items()
    known["awaiting_cause"] = {name: (request_state(request), failed) for name, (request, failed) in held}
    return known


def request_state(request: RequestState) -> tuple[object, ...]:
    """Return all that is known of one request."""
    return tuple(getattr(request, each.name) for each in fields(request))


class FastScheduler(Scheduler):
    """Takes the fast path wherever it may, and checks each step against a twin that only handles events."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]  # as any scheduler is made
        self.twin = Scheduler(*arguments)  # type: ignore[arg-type]
        self.fast = 0

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take in *event* by the fast path, or else as any scheduler does."""
        expected = self.twin.handle(event, now)
        effects = self._fast(event, now)
        self.fast += effects is not None
        effects = super().handle(event, now) if effects is None else effects
        assert repr(expected) == repr(effects)  # errors are equal to themselves alone
        assert state_of(self.twin) == state_of(self)
        return effects

    def _fast(self, event: Event, now: float) -> list[Effect] | None:
        match event:
            case Arrived(ticket) if (admitted := self.admit(ticket, now)) is not None:
                serve, routed = admitted
                return [serve, Explain(routed)]
            case Finished(ticket_id, seconds) if self.finish(ticket_id, seconds, now):
                return []
            case _:
                return None


class FastAnyOrder(AnyOrder):
    """Any order of events, without a count of memory."""

    make_scheduler = FastScheduler


class FastTooLittle(TooLittle):
    """Any order of events, with too little memory."""

    make_scheduler = FastScheduler


QUICK = settings(max_examples=100, stateful_step_count=50, derandomize=True, database=None)
THOROUGH = settings(max_examples=3000, stateful_step_count=100)
_SETTINGS = settings(
    THOROUGH if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else QUICK,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

TestFastAnyOrder = FastAnyOrder.TestCase
TestFastAnyOrder.settings = _SETTINGS
TestFastTooLittle = pytest.mark.slow(FastTooLittle.TestCase)
TestFastTooLittle.settings = _SETTINGS


def test_a_ready_model_with_a_free_slot_takes_the_fast_path() -> None:
    """Both in and out; the other requests find a queue, or leave one behind."""
    play = Rehearsal(profile("a", max_concurrent=1))
    play.scheduler = scheduler = FastScheduler({"a": profile("a", max_concurrent=1)})
    play.warm("a")
    assert ["serve 1 by a"] == play.arrive("1", now=1.0)
    assert (1, []) == (scheduler.fast, play.finish("1", now=2.0))
    assert 2 == scheduler.fast
    play.arrive("2", now=3.0)
    play.arrive("3", now=3.0)
    assert ["serve 3 by a"] == play.finish("2", now=4.0)
    assert 3 == scheduler.fast
    assert [] == ids(scheduler.models["a"].queue)
