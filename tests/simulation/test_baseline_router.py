"""``hostd.simulation.baseline_router``: what all peers have in common."""

from dataclasses import replace

from hostd.domain.profile import Limits
from hostd.domain.ticket import Route, Target, Ticket
from hostd.scheduling.effects import Effect, Refuse, Serve, Start, Stop
from hostd.scheduling.events import Arrived, EngineReady, EngineStopped, Finished, Ticked
from hostd.simulation.baseline_router import BaselineRouter
from hostd.simulation.baselines import StaticGroups
from hostd.simulation.host_model import SimulatedHost
from tests.simulation.example_hosts import host_of, model_of

HOST = host_of(model_of("a", 12.0), model_of("b", 12.0), model_of("c", 12.0))


def router(there: SimulatedHost = HOST) -> BaselineRouter:
    """Return a router with one group, so that only one model is loaded at a time."""
    return BaselineRouter(there, StaticGroups(there))


def ask(ticket_id: str, model: str) -> Arrived:
    """Return the arrival of a request."""
    return Arrived(Ticket(ticket_id, Route(model, (Target(model),))))


def line(effects: list[Effect]) -> list[str]:
    """Return effects in a few words."""
    words = []
    for effect in effects:
        match effect:
            case Serve(ticket_id, model):
                words.append(f"serve {ticket_id} by {model}")
            case Start(model):
                words.append(f"start {model}")
            case Stop(model):
                words.append(f"stop {model}")
            case Refuse(ticket_id, error):
                words.append(f"refuse {ticket_id}: {error.code}")
            case _:
                words.append(repr(effect))
    return words


def test_requests_are_served_in_order_of_arrival() -> None:
    """The first loads the model; as many are served at once as it has slots, the next when one is done."""
    baseline = router()
    assert ["start a"] == line(baseline.handle(ask("1", "a"), 0.0))
    assert [] == line(baseline.handle(ask("2", "a"), 1.0) + baseline.handle(ask("3", "a"), 2.0))
    assert ["serve 1 by a", "serve 2 by a"] == line(baseline.handle(EngineReady("a", 2, 1.0), 3.0))
    assert ["serve 3 by a"] == line(baseline.handle(Finished("1", 1.0), 4.0))


def test_no_busy_engine_is_stopped() -> None:
    """Room is made when the last answer is over; and the next load begins when the engine is gone."""
    baseline = router()
    baseline.handle(ask("1", "a"), 0.0)
    baseline.handle(EngineReady("a", 2, 1.0), 1.0)
    assert [] == line(baseline.handle(ask("2", "b"), 2.0))
    assert ["serve 3 by a"] == line(baseline.handle(ask("3", "a"), 3.0))
    assert [] == line(baseline.handle(Finished("1", 1.0), 4.0))
    assert ["stop a"] == line(baseline.handle(Finished("3", 1.0), 5.0))
    assert ["start b"] == line(baseline.handle(EngineStopped("a"), 6.0))


def test_who_came_first_is_loaded_first() -> None:
    """Of two models that wait for the same room."""
    baseline = router()
    baseline.handle(ask("1", "a"), 0.0)
    baseline.handle(EngineReady("a", 2, 1.0), 1.0)
    baseline.handle(ask("2", "c"), 2.0)
    baseline.handle(ask("3", "b"), 3.0)
    baseline.handle(Finished("1", 1.0), 4.0)
    assert ["start c"] == line(baseline.handle(EngineStopped("a"), 5.0))


def test_queues_and_patience_end() -> None:
    """Beyond max_queue a request is refused at once; a client gives up at its total_timeout, and only then."""
    limits = Limits(max_queue=1, total_timeout=60.0)
    one = model_of("a", 1.0)
    there = host_of(replace(one, profile=replace(one.profile, limits=limits)))
    baseline = router(there)
    baseline.handle(ask("1", "a"), 0.0)
    assert ["refuse 2: queue_full"] == line(baseline.handle(ask("2", "a"), 1.0))
    assert 60.0 == baseline.next_deadline()
    assert [] == line(baseline.handle(Ticked(), 59.0))
    assert ["refuse 1: timeout"] == line(baseline.handle(Ticked(), 60.0))
    assert None is baseline.next_deadline()


def test_its_line_tells_the_states() -> None:
    """A status line says why nothing happens."""
    baseline = router()
    baseline.handle(ask("1", "a"), 0.0)
    assert "<BaselineRouter a: loading b: cold c: cold>" == repr(baseline)
