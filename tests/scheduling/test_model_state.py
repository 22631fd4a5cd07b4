"""One model's numbers."""

import pytest

from hostd.domain.answer_sums import AnswerSums
from hostd.domain.errors import Bug
from hostd.domain.lifecycle import State, Transition
from hostd.domain.profile import KvSettings
from hostd.domain.ticket import Route, Target, Ticket
from hostd.scheduling.effects import Refuse
from hostd.scheduling.events import EngineStopped, UnloadRequested
from hostd.scheduling.model_state import UNMEASURED_SERVICE, ModelState
from hostd.scheduling.request_state import RequestState
from tests.scheduling.scenario import Rehearsal, profile


def waiting(ticket_id: str, life: int = 0) -> RequestState:
    """Return a ticket on its way to 'a'."""
    return RequestState(Ticket(ticket_id, Route("a", (Target("a"),))), arrived=0.0, expires=600.0, generation=life)


def test_the_status_line_says_how_busy_a_model_is() -> None:
    """State, places and queue are what an owner wants to see first."""
    model = ModelState(profile("a", max_concurrent=2), State.READY, slots=4)
    model.serving["t1"] = waiting("t1")
    for n in (2, 3, 4):
        model.queue.push(waiting(f"t{n}"))
    assert "<Model a ready: 1/2 in flight, 3 queued>" == repr(model)


@pytest.mark.parametrize(
    ("state", "seconds"),
    [
        (State.READY, 0.5),
        (State.SLEEPING, 0.5),
        (State.COLD, 20.0),
        (State.FAILED, 20.0),
    ],
)
def test_only_one_that_is_there_can_be_woken(state: State, seconds: float) -> None:
    """What has gone for good has to be loaded, however fast it woke before; a cold start always means a load."""
    model = ModelState(profile("a"), state, load_seconds=20.0, wake_seconds=0.5, sleep_levels=(1, 2))
    assert (seconds, 20.0) == (model.seconds_to_load, model.cold_start)


def test_one_that_wakes_more_slowly_than_it_loads_is_taken_to_be_loaded() -> None:
    """It would not sleep again."""
    model = ModelState(profile("a"), State.READY, load_seconds=2.0, wake_seconds=3.0, sleep_levels=(1, 2))
    assert (2.0, False) == (model.seconds_to_load, model.can_sleep)


@pytest.mark.parametrize("state", list(State))
def test_only_a_ready_model_has_room(state: State) -> None:
    """Places count for nothing while the engine loads, drains or is down."""
    model = ModelState(profile("a"), state, slots=1)
    assert (state is State.READY) == model.has_free_slot
    model.serving["t1"] = waiting("t1")
    assert not model.has_free_slot


def test_an_engine_that_a_request_saw_die_has_no_room_until_its_state_changes() -> None:
    """It is on its way all the same; a ticket that was sent to an earlier engine knows nothing of this one."""
    model = ModelState(profile("a", max_concurrent=4), State.READY, slots=4, generation=2)
    model.serving = {"early": waiting("early", life=1), "late": waiting("late", life=2)}
    model.suspect("early")
    assert model.has_free_slot
    model.suspect("late")
    assert (False, True) == (model.has_free_slot, model.is_starting)
    model.move(Transition.FAILED)
    assert (False, False) == (model.suspected_dead, model.is_starting)
    model.suspect("late")
    assert not model.suspected_dead


def test_a_move_that_the_table_does_not_know_is_our_bug() -> None:
    """The state stays as it was."""
    model = ModelState(profile("a"))
    with pytest.raises(Bug, match="an instance that is cold cannot loaded"):
        model.move(Transition.LOADED)
    assert State.COLD is model.state


def test_service_times_are_a_moving_average() -> None:
    """The first is taken as it is, later ones move it by a fifth."""
    model = ModelState(profile("a"))
    model.learn_service(10.0)
    model.learn_service(20.0)
    assert 12.0 == model.service_seconds


def test_the_expected_wait_grows_with_the_queue_and_shrinks_with_places() -> None:
    """Those before a newcomer and the newcomer itself share the places; unmeasured service is guessed."""
    model = ModelState(profile("a", max_concurrent=2), State.READY, slots=2)
    for n in range(3):
        model.queue.push(waiting(f"t{n}"))
    assert UNMEASURED_SERVICE * 4 / 2 == model.expected_wait()
    model.learn_service(2.0)
    assert 4.0 == model.expected_wait()
    model.slots = 0
    assert 8.0 == model.expected_wait()


def test_how_soon_an_idle_model_is_asked_again_is_learnt() -> None:
    """By the share of its idle times that ended at once; requests beside others say nothing, and before any was seen all are."""
    model = ModelState(profile("a"), State.READY, generation=1)
    assert 1.0 == model.asked_at_once
    for idle_since in (100.0, 200.0):
        model.idle_since = idle_since
        model.asked(idle_since + 5.0)
    assert pytest.approx(0.64) == model.asked_at_once
    model.serving["t1"] = waiting("t1")
    model.asked(205.1)
    assert pytest.approx(0.64) == model.asked_at_once
    model.serving.clear()
    model.idle_since = 300.0
    model.asked(300.01)
    assert pytest.approx(0.712) == model.asked_at_once


def test_the_wait_for_a_model_that_is_not_loaded_has_its_load_in_it() -> None:
    """By the load as it was measured last; a refusal tells that, so that a client does not come back in the midst of it."""
    stage = Rehearsal(profile("a", max_concurrent=2, max_queue=1, slots=2))
    stage.warm("a")
    model = stage.scheduler.models["a"]
    model.load_seconds, model.service_seconds = 20.0, 4.0
    assert 2.0 == model.expected_wait()
    stage.tell(UnloadRequested("a"))
    stage.tell(EngineStopped("a"))
    assert 22.0 == model.expected_wait()
    stage.arrive("1")
    stage.arrive("2")
    assert 24.0 == stage.last(Refuse).error.retry_after


@pytest.mark.parametrize(
    ("pinned", "busy", "unloaded"), [(False, False, True), (True, False, False), (False, True, False)]
)
def test_a_client_has_an_idle_model_unloaded(pinned: bool, busy: bool, unloaded: bool) -> None:
    """Its owner, who has pinned it, and other clients that use it, come first; by hand it is unloaded all the same."""
    stage = Rehearsal(profile("a", pinned=pinned))
    stage.warm("a")
    if busy:
        stage.arrive("1")
    stage.tell(UnloadRequested("a", by_client=True))
    model = stage.scheduler.models["a"]
    assert unloaded is (model.state is State.STOPPING)
    stage.tell(UnloadRequested("a"))
    assert model.state is not State.READY


def test_what_an_eviction_makes_it_read_again() -> None:
    """What requests have found read before, unless it is saved."""
    sums = AnswerSums(prompt=20_000, cached=19_000, answer=8, reading=10.0, writing=1.0)
    for save, seconds in ((False, 190.0), (True, 0.0)):
        model = ModelState(profile("a", kv=KvSettings(save=save)))
        assert 0.0 == model.seconds_to_read_again
        model.release_slot("1", 1.0, sums)
        assert seconds == model.seconds_to_read_again
