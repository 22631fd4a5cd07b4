"""Deadlines by name."""

from hostd.scheduling.deadlines import Deadlines


def test_what_is_due_rings_once_and_in_order() -> None:
    """The earliest first, those that are due exactly now included, later ones not."""
    alarms = Deadlines()
    for name, at in (("c", 3.0), ("a", 1.0), ("d", 3.1), ("b", 2.0)):
        alarms.set(("queue", name), at)
    assert [("queue", name) for name in "abc"] == list(alarms.due(3.0))
    assert [] == list(alarms.due(3.0))
    assert 3.1 == alarms.next()


def test_setting_again_moves_a_deadline() -> None:
    """Later or earlier, only the last time counts; twice the same time rings once."""
    alarms = Deadlines()
    for at in (5.0, 9.0, 2.0, 7.0, 7.0):
        alarms.set(("idle", "a"), at)
    assert 7.0 == alarms.next()
    assert [] == list(alarms.due(6.9))
    assert [("idle", "a")] == list(alarms.due(10.0))
    assert alarms.next() is None


def test_a_cancelled_deadline_never_rings() -> None:
    """Cancelling what is not set is nothing, and the name can be set again."""
    alarms = Deadlines()
    alarms.cancel(("idle", "a"))
    alarms.set(("idle", "a"), 1.0)
    alarms.cancel(("idle", "a"))
    assert ("idle", "a") not in alarms
    assert alarms.next() is None
    alarms.set(("idle", "a"), 4.0)
    assert ("idle", "a") in alarms
    assert [("idle", "a")] == list(alarms.due(4.0))


def test_what_is_set_while_others_ring_rings_too_when_it_is_due() -> None:
    """A deadline that falls due in the same moment is not put off to the next look."""
    alarms = Deadlines()
    alarms.set(("queue", "a"), 1.0)
    rung = []
    for name in alarms.due(1.0):
        rung.append(name)
        if len(rung) == 1:
            alarms.set(("queue", "b"), 1.0)
            alarms.set(("queue", "c"), 1.5)
    assert [("queue", "a"), ("queue", "b")] == rung


def test_setting_it_again_to_the_same_time_costs_nothing() -> None:
    """However often that is done."""
    alarms = Deadlines()
    for _ in range(1000):
        alarms.set(("room", "a"), 5.0)
    assert 1 == len(alarms._heap)
