"""Deadlines by name."""

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from hostd.scheduling.timer_heap import Deadlines


def test_what_is_due_rings_once_and_in_order() -> None:
    """The earliest first, those that are due exactly now included, later ones not."""
    deadlines = Deadlines()
    for name, at in (("c", 3.0), ("a", 1.0), ("d", 3.1), ("b", 2.0)):
        deadlines.set(("queue", name), at)
    assert [("queue", name) for name in "abc"] == list(deadlines.due(3.0))
    assert [] == list(deadlines.due(3.0))
    assert 3.1 == deadlines.next()


def test_setting_again_moves_a_deadline() -> None:
    """Later or earlier, only the last time counts; twice the same time rings once."""
    deadlines = Deadlines()
    for at in (5.0, 9.0, 2.0, 7.0, 7.0):
        deadlines.set(("idle", "a"), at)
    assert 7.0 == deadlines.next()
    assert [] == list(deadlines.due(6.9))
    assert [("idle", "a")] == list(deadlines.due(10.0))
    assert deadlines.next() is None


def test_a_cancelled_deadline_never_rings() -> None:
    """Cancelling what is not set is nothing, and the name can be set again."""
    deadlines = Deadlines()
    deadlines.cancel(("idle", "a"))
    deadlines.set(("idle", "a"), 1.0)
    deadlines.cancel(("idle", "a"))
    assert ("idle", "a") not in deadlines
    assert deadlines.next() is None
    deadlines.set(("idle", "a"), 4.0)
    assert ("idle", "a") in deadlines
    assert [("idle", "a")] == list(deadlines.due(4.0))


def test_what_is_set_while_others_pass_passes_too_when_it_is_due() -> None:
    """A deadline that falls due in the same moment is not put off to the next look."""
    deadlines = Deadlines()
    deadlines.set(("queue", "a"), 1.0)
    passed = []
    for name in deadlines.due(1.0):
        passed.append(name)
        if len(passed) == 1:
            deadlines.set(("queue", "b"), 1.0)
            deadlines.set(("queue", "c"), 1.5)
    assert [("queue", "a"), ("queue", "b")] == passed


def test_setting_it_again_to_the_same_time_costs_nothing() -> None:
    """However often that is done."""
    deadlines = Deadlines()
    for _ in range(1000):
        deadlines.set(("memory", "a"), 5.0)
    assert 1 == len(deadlines._heap)


def test_moving_a_deadline_later_or_cancelling_it_leaves_nothing_behind() -> None:
    """Requests and models do so far more often than a deadline passes."""
    deadlines = Deadlines()
    for number in range(10_000):
        deadlines.set(("idle", "a"), float(number))
        deadlines.set(("queue", str(number)), 1e6)
        deadlines.cancel(("queue", str(number)))
    assert len(deadlines._heap) < 100
    assert (9999.0, inf) == (deadlines.at(("idle", "a")), deadlines.at(("idle", "b")))
    assert 9999.0 == deadlines.next()


NAMES = st.sampled_from([("queue", "a"), ("queue", "b"), ("idle", "a")])
TIMES = st.integers(0, 9).map(float)


@given(
    st.lists(st.one_of(st.tuples(NAMES, TIMES), st.tuples(NAMES, st.none()), st.tuples(st.none(), TIMES)), max_size=80)
)
def test_deadlines_pass_as_those_of_a_table_would(steps: list[tuple[tuple[str, str] | None, float | None]]) -> None:
    """Set, moved, cancelled and looked at in any order: earliest first, each once, and none too early."""
    deadlines, table = Deadlines(), dict[tuple[str, str], float]()
    for name, at in steps:
        if name is None and at is not None:
            due = sorted((when, each) for each, when in table.items() if when <= at)
            assert [each for _, each in due] == list(deadlines.due(at))
            table = {each: when for each, when in table.items() if when > at}
        elif name is not None and at is None:
            deadlines.cancel(name)
            table.pop(name, None)
        elif name is not None and at is not None:
            deadlines.set(name, at)
            table[name] = at
        assert min(table.values(), default=None) == deadlines.next()
        assert set(table) == set(deadlines)
