"""Entries are numbered, so that what a client has missed can be told."""

from hostd.scheduling.decisions import Charged, Routed
from hostd.scheduling.model_decisions import StopCompleted
from hostd.telemetry.recent_events import NumberedEntries, RecentEvents
from hostd.telemetry.sinks import Sinks
from tests.telemetry.example_records import request


def test_tells_what_came_since() -> None:
    """In order, with how many of it are lost; a number of the future is none to go on from."""
    entries: NumberedEntries[str] = NumberedEntries(most=3)
    for letter in "abcde":
        entries.append(letter)
    assert (["c", "d", "e"], 2) == entries.since(0, 5)
    assert (["e"], 0) == entries.since(4, 5)
    assert (["d", "e"], 1) == entries.since(2, 5, most=2)
    assert (["c", "d"], 2) == entries.since(0, 4)
    assert ([], 2) == entries.since(0, 2)
    assert ([], 0) == entries.since(5, 5) == entries.since(9, 5) == entries.since(4, 4)
    assert [False, True, True, False] == [entries.can_resume(number) for number in (1, 2, 5, 6)]
    assert "<NumberedEntries 3 of 5>" == repr(entries)


def test_keeps_decisions_and_requests() -> None:
    """Each request has a record that tells where it went and what it has cost: decisions about that are left out."""
    recent = RecentEvents()
    sinks = Sinks((recent,), clock=lambda: 7.0)
    sinks.decided(StopCompleted("a", 0))
    sinks.decided(Routed("a", "1", "a", None, 1, 0.0, 1, 0, 0))
    sinks.decided(Charged("a", "1", None, 0.0, 0.0, None))
    sinks.finished(request())
    assert [(7.0, StopCompleted("a", 0))] == recent.decisions.since(0, 1)[0]
    assert [request()] == recent.requests.since(0, 1)[0]
    assert "<RecentEvents 1 decisions, 1 requests>" == repr(recent)


def test_each_run_is_told_apart() -> None:
    """Numbers begin anew with the daemon, so that each run has a name."""
    one, other = RecentEvents(), RecentEvents()
    assert one.epoch != other.epoch
    one.close()
    assert (True, False) == (one.closed, other.closed)
