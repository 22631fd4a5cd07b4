"""The life of an instance."""

import pytest

from hostd.domain.errors import Bug
from hostd.domain.lifecycle import TABLE, State, Transition, after, mermaid


def _walk(*moves: Transition) -> State:
    state = State.COLD
    for move in moves:
        state = after(state, move)
    return state


def test_a_good_life() -> None:
    """Loaded, used, drained, stopped, and as before."""
    assert State.COLD == _walk(
        Transition.START, Transition.LOADED, Transition.DRAIN, Transition.STOP, Transition.STOPPED
    )


def test_a_failure_can_be_tried_again() -> None:
    """A failed instance starts like a cold one."""
    assert State.READY == _walk(Transition.START, Transition.FAILED, Transition.START, Transition.LOADED)


def test_impossible_moves_are_bugs() -> None:
    """The caller has lost track of the instance; the error names state and transition."""
    with pytest.raises(Bug, match="an instance that is cold cannot loaded"):
        after(State.COLD, Transition.LOADED)


@pytest.mark.parametrize("start", State)
def test_no_state_is_a_dead_end(start: State) -> None:
    """From everywhere an instance can become cold again, and from cold it can become ready."""
    reached, frontier = {start}, [start]
    while frontier:
        new = set(TABLE[frontier.pop()].values()) - reached
        reached |= new
        frontier += new
    assert {State.COLD, State.READY} <= reached


def test_the_picture_shows_every_move() -> None:
    """The documentation cannot drift from the table."""
    edges = {f"    {state} --> {target}: {move}" for state, moves in TABLE.items() for move, target in moves.items()}
    assert edges <= set(mermaid().splitlines())
