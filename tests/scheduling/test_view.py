"""What may be seen of the scheduler."""

import dataclasses

import pytest

from hostd.domain.lifecycle import State
from hostd.domain.ticket import Priority
from hostd.scheduling.view import ModelView, PendingLoadView, PoolView, WarmModelView
from tests.scheduling.memory import CARD, GIB, Machine, fits
from tests.scheduling.scenario import Rehearsal, profile


def seen(play: Rehearsal, model: str = "a") -> ModelView:
    """Return the view of one model."""
    return play.scheduler.model(model)


def test_a_ready_model_shows_its_slots_its_requests_and_when_it_is_unloaded() -> None:
    """Idle, it is unloaded after its keep_alive; with requests, it is not; and it serves what its engine decodes together."""
    play = Rehearsal(profile("a", max_concurrent=4, keep_alive=60.0))
    assert (State.COLD, 1, None, None) == (
        seen(play).state,
        seen(play).slots,
        seen(play).ready_at,
        seen(play).unloads_at,
    )
    play.now = 5.0
    play.warm("a", slots=2)
    assert (State.READY, 2, 5.0, 65.0) == (
        seen(play).state,
        seen(play).slots,
        seen(play).ready_at,
        seen(play).unloads_at,
    )
    for ticket in "123":
        play.arrive(ticket, now=7.0)
    assert (2, 1, None) == (seen(play).in_flight, seen(play).queued, seen(play).unloads_at)


def test_a_failed_model_shows_why_and_how_often() -> None:
    """The error, and whether the failure is made up for."""
    play = Rehearsal(profile("a"))
    play.warm("a")
    assert (0, False, None) == (seen(play).failures, seen(play).failing, seen(play).last_error)
    play.broke(now=1.0)
    assert (State.FAILED, 1, True, "it said so") == (
        seen(play).state,
        seen(play).failures,
        seen(play).failing,
        seen(play).last_error,
    )


def test_the_account_of_the_memory_shows_what_is_promised() -> None:
    """Pool by pool what models may hold, model by model what they do, and which of them should be warm and why."""
    play = Machine({CARD: 10}, a=(fits(6),), b=(fits(6),))
    play.open(profile("a", pinned=True, preload=True), profile("b", keep_alive=60.0))
    play.ready("a")
    account = play.scheduler.memory(play.now)
    assert (PoolView(CARD, 10 * GIB, 0, 4 * GIB),) == account.pools
    assert {"a": {CARD: 6 * GIB}} == account.held
    assert (WarmModelView("a", "v0", {CARD: 6 * GIB}, "preload", State.READY),) == account.warm_set
    assert (None, ()) == (seen(play, "b").waits_for, account.pending)


def test_a_load_that_waits_for_memory_is_shown() -> None:
    """The model is loading by report and cold by its engine, and no model is evicted for it while it only waits."""
    play = Machine({CARD: 10}, a=(fits(6),), b=(fits(6),))
    play.open(profile("a"), profile("b"))
    play.warm("a")
    play.arrive("1", "a", now=10.0)
    play.arrive("2", "b", now=11.0)
    assert ("room", State.COLD, State.LOADING) == (
        seen(play, "b").waits_for,
        seen(play, "b").state,
        seen(play, "b").reported_state,
    )
    assert (PendingLoadView("b", "request", (), checking=False),) == play.scheduler.memory(play.now).pending


def test_views_do_not_change() -> None:
    """A view is of one moment: it cannot be written, and what happens later does not show in it."""
    play = Rehearsal(profile("a"))
    view = play.scheduler.view()
    play.warm("a")
    assert (State.COLD, False) == (view.models["a"].state, view.settled)
    with pytest.raises(dataclasses.FrozenInstanceError):
        view.models["a"].queued = 1  # type: ignore[misc]  # that is the mistake


def test_requests_are_shown_with_what_they_wait_for() -> None:
    """Those that are answered have no place; those that wait have one, and a wait to expect once a service was measured."""
    play = Rehearsal(profile("a", max_concurrent=1))
    play.warm("a", slots=1)
    play.arrive("1", client="ann")
    play.arrive("2", now=1.0, priority=Priority.BATCH)
    shown = play.scheduler.requests()
    assert [("1", None, None, 0.0), ("2", 1, None, 1.0)] == [
        (each.id, each.position, each.wait_seconds, each.arrived) for each in shown
    ]
    assert ("ann", "a", Priority.BATCH) == (shown[0].client, shown[0].asked, shown[1].priority)
    play.finish("1", seconds=5.0)
    play.arrive("3")
    assert [None, 5.0] == [each.wait_seconds for each in play.scheduler.requests()]


def test_of_many_requests_the_first_are_shown() -> None:
    """So many that are answered, and so many that wait, with their places."""
    play = Rehearsal(profile("a", max_concurrent=2))
    play.warm("a", slots=2)
    for ticket in "12345":
        play.arrive(ticket, now=7.0)
    shown = play.scheduler.requests(most=1)
    assert [("1", None), ("3", 1)] == [(each.id, each.position) for each in shown]
    assert 5 == len(play.scheduler.requests())
