"""The decisions and their names."""

from typing import get_args

from hostd.scheduling.decisions import Decision, Routed


def test_every_decision_has_a_name_of_its_own() -> None:
    """By which it is found in the log and in ``hostd why``."""
    routed = Routed("a", "t1", "a", None, attempt=1, waited_ms=0.0, capacity=1, in_flight=1, queued=0)
    names = [routed.event, *(kind.event for kind in get_args(Decision) if kind is not Routed)]
    assert "routed" == names[0]
    assert len(get_args(Decision)) == len(set(names))
