"""One turn."""

from hostd.scheduling.decision_context import DecisionContext
from hostd.scheduling.effects import Explain
from hostd.scheduling.model_decisions import StopCompleted


def test_a_new_turn_starts_with_nothing_decided() -> None:
    """The list that an earlier turn handed out stays as it was."""
    turn = DecisionContext()
    decision = StopCompleted("a", queued=2)
    turn.begin(1.0)
    turn.explain(decision)
    first = turn.effects
    turn.begin(2.0)
    assert [Explain(decision)] == first
    assert (2.0, []) == (turn.now, turn.effects)


def test_deadlines_outlive_the_turn_that_set_them() -> None:
    """They are what later turns are for."""
    turn = DecisionContext()
    turn.deadlines.set(("idle", "a"), 3.0)
    turn.begin(1.0)
    assert 3.0 == turn.deadlines.next()
