"""How a model goes for another."""

import pytest

from hostd.domain.reason import ExitClass, FallbackReason
from hostd.scheduling.effects import Serve
from hostd.scheduling.engine_commands import LONGEST_TURN
from hostd.scheduling.events import ClientLeft, EngineFailed, EngineSlept, UnloadRequested
from hostd.scheduling.eviction_timing import LINGER, WAIT_LOADS
from tests.scheduling.memory import CARD, GIB, Machine, fits
from tests.scheduling.scenario import profile

CLOSED = 100.0 + WAIT_LOADS * (1.0 + 4.0)
"""When a busy model that took a second to load is closed for one of four whose request has waited since 100."""


@pytest.fixture
def play() -> Machine:
    """A model that answers t1 and t2, with t3 in its queue, and has just been closed for another that t4 waits for."""
    found = Machine({CARD: 10, "ram": 32}, a=(fits(6),), b=(fits(6),))
    found.open(profile("a", queue_timeout=1000), profile("b", queue_timeout=1000))
    found.warm("a")
    for ticket in ("t1", "t2", "t3"):
        found.arrive(ticket, "a", now=100.0)
    assert ["check b"] == found.arrive("t4", "b")
    assert [] == found.pass_time(CLOSED)
    return found


def test_who_was_there_is_still_answered(play: Machine) -> None:
    """Also from the queue; a request that arrives later waits until the model is loaded again."""
    assert [] == play.arrive("late", "a", now=CLOSED + 1.0)
    assert ["serve t3 by a"] == play.finish("t1")
    assert [] == play.finish("t2")
    assert ["stop a"] == play.finish("t3")
    assert ["check a", "start b"] == play.gone("a")
    assert ["serve t4 by b"] == play.ready("b")


def test_the_turn_of_those_who_wait_has_an_end(play: Machine) -> None:
    """Running answers are finished even then, but no other request is served."""
    assert [] == play.pass_time(CLOSED + LONGEST_TURN)
    assert [] == play.finish("t1")
    assert ["stop a"] == play.finish("t2")
    assert ["check a", "start b"] == play.gone("a")


def test_it_stays_when_its_memory_is_not_needed_any_more(play: Machine) -> None:
    """Its gate opens, and no alarm is left of its turn."""
    play.arrive("late", "a", now=CLOSED + 1.0)
    assert [] == play.tell(ClientLeft("t4"))
    assert ["serve t3 by a"] == play.finish("t1")
    assert ["serve late by a"] == play.finish("t2")
    assert {"queue", "idle"} >= {kind for kind, _ in play.scheduler._context.deadlines._at}
    assert ([], []) == (play.pass_time(CLOSED + LONGEST_TURN), play.stops)


def test_staying_serves_at_once_where_there_is_a_place(play: Machine) -> None:
    """With the requests that arrived meanwhile."""
    play.finish("t1")
    play.finish("t2", CLOSED + 1.0)
    assert [] == play.arrive("late", "a")
    assert ["serve late by a"] == play.tell(ClientLeft("t4"))
    assert play.last(Serve).waited == 0.0


def test_one_that_dies_meanwhile_has_gone(play: Machine) -> None:
    """The other is loaded when its memory was measured to be back; requests for the dead one wait for the next engine."""
    assert "start b" in play.broke("a")
    play.fail("t1", FallbackReason.CRASHED)
    assert "<Model b loading: 0/0 in flight, 1 queued>" == play.status("b")
    assert {"drain", "turn"}.isdisjoint(kind for kind, _ in play.scheduler._context.deadlines._at)


def test_the_owner_s_hand_ends_the_turn(play: Machine) -> None:
    """Answers under way have the time that every unload gives them, and it does not stay whatever becomes of the other."""
    play.tell(UnloadRequested("a"))
    play.tell(ClientLeft("t4"))
    play.tell(ClientLeft("t3"))
    play.finish("t1")
    assert ["stop a"] == play.finish("t2")


def test_a_sleeper_gives_its_memory_back(play: Machine) -> None:
    """When it has answered everybody; the other begins once it sleeps."""
    play.scheduler.models["a"].sleep_levels = (1, 2)
    for ticket in ("t1", "t2"):
        assert "sleep a" not in play.finish(ticket)
    assert ["sleep a"] == play.finish("t3")
    play.held["a"] = {"ram": 6 * GIB}
    assert ["start b"] == play.tell(EngineSlept("a"))
    assert {"ram": 6 * GIB} == {pool: n for pool, n in play.scheduler.engines.ledger.held("a").items() if n}


def test_a_light_sleep_that_main_memory_has_no_room_for_is_none() -> None:
    """An engine that offers nothing deeper is ended."""
    found = Machine({CARD: 10, "ram": 2}, a=(fits(6),), b=(fits(6),))
    found.open(profile("a"), profile("b"))
    found.warm("a")
    found.scheduler.models["a"].sleep_levels = (1,)
    assert ["check b", "stop a"] == found.arrive("t1", "b", now=100.0)


def test_a_sleeping_model_that_is_stopped_while_requests_wait_is_loaded_anew() -> None:
    """Its waking is off: the claim waits for its end, and then for a check like every load."""
    found = Machine({CARD: 10}, a=(fits(6),), b=(fits(6),))
    found.open(profile("a"), profile("b"))
    found.warm("a")
    found.scheduler.models["a"].sleep_levels = (1, 2)
    assert ["check b", "sleep a"] == found.arrive("t1", "b", now=100.0)
    found.held["a"] = {}
    found.tell(EngineSlept("a"))
    found.ready("b")
    assert [] == found.arrive("t2", "a")
    assert ["stop a"] == found.tell(UnloadRequested("a"))
    assert [] == found.finish("t1")
    assert [] == found.pass_time(105.0)
    assert ["check a", "stop b"] == found.gone("a", now=200.0)
    assert ["start a"] == found.gone("b")


def test_one_that_died_in_its_sleep_is_loaded_anew_once() -> None:
    """The request that woke it waits for that; an engine that fails then has failed for a reason of its own."""
    found = Machine({CARD: 10}, a=(fits(6),), b=(fits(6),))
    found.open(profile("a"), profile("b"))
    found.warm("a")
    found.scheduler.models["a"].sleep_levels = (1, 2)
    found.arrive("t1", "b", now=100.0)
    found.held["a"] = {}
    found.tell(EngineSlept("a"))
    found.ready("b")
    found.finish("t1")
    found.arrive("t2", "a", now=200.0)
    assert ["wake a"] == found.gone("b", now=230.0)
    died = EngineFailed("a", ExitClass.UNKNOWN, "killed by signal 9")
    assert ["check a", "start a"] == found.tell(died)
    assert ["refuse t2: load_failed"] == [each for each in found.tell(died) if "t2" in each]


def test_a_dead_one_goes_at_once() -> None:
    """No request that waits for it can be answered before it is evicted."""
    found = Machine({CARD: 10}, a=(fits(6),), b=(fits(6),))
    found.open(profile("a"), profile("b"))
    found.warm("a")
    found.arrive("t1", "a", now=100.0)
    found.fail("t1", FallbackReason.CRASHED)
    assert "<Model a ready: 0/2 in flight, 1 queued>" == found.status("a")
    assert ["check b"] == found.arrive("t2", "b")
    assert ["stop a"] == found.pass_time(CLOSED)


def test_requests_that_arrived_too_late_wake_a_sleeping_model(play: Machine) -> None:
    """They do not wait for another request to do so."""
    play.scheduler.models["a"].sleep_levels = (1, 2)
    play.arrive("late", "a", now=CLOSED + 1.0)
    play.finish("t1")
    play.finish("t2")
    assert ["sleep a"] == play.finish("t3")
    play.held["a"] = {}
    assert ["start b"] == play.tell(EngineSlept("a"))
    play.ready("b")
    assert [] == play.finish("t4")
    assert ["stop b"] == play.pass_time(play.now + LINGER)
    assert ["wake a"] == play.gone("b")
