"""All sinks as one."""

import structlog

from hostd.scheduling.decisions import Decision, Routed
from hostd.scheduling.model_decisions import ModelReady
from hostd.telemetry.sinks import RequestRecord, Sink, Sinks
from tests.telemetry.example_decisions import example
from tests.telemetry.example_records import request


class Kept(Sink):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.decisions: list[tuple[Decision, float]] = []
        self.records: list[RequestRecord] = []

    def decided(self, decision: Decision, at: float) -> None:
        """Keep a decision."""
        self.decisions.append((decision, at))

    def finished(self, record: RequestRecord) -> None:
        """Keep a record."""
        self.records.append(record)


def test_every_sink_is_told_once_with_the_same_time() -> None:
    """A sink that has no use for decisions or records ignores them."""
    times = iter([5.0, 6.0])
    kept = (Kept(), Kept())
    sinks = Sinks((*kept, Sink()), lambda: next(times))
    decision, record = example(ModelReady), request()
    sinks.decided(decision)
    sinks.finished(record)
    for sink in kept:
        assert ([(decision, 5.0)], [record]) == (sink.decisions, sink.records)


class Unrouted(Kept):
    """Has no use for routes."""

    routes = False


def test_routes_are_told_to_those_who_use_them() -> None:
    """There is one for each request; everything else is told to all."""
    kept, unrouted = Kept(), Unrouted()
    sinks = Sinks((kept, unrouted), lambda: 5.0)
    sinks.decided(example(Routed))
    sinks.decided(example(ModelReady))
    assert [example(Routed), example(ModelReady)] == [decision for decision, _ in kept.decisions]
    assert [example(ModelReady)] == [decision for decision, _ in unrouted.decisions]


def test_a_sink_may_come_later() -> None:
    """It is told from then on, of routes where it has a use for them."""
    kept, unrouted = Kept(), Unrouted()
    sinks = Sinks((), lambda: 5.0)
    sinks.decided(example(ModelReady))
    sinks.add(kept)
    sinks.add(unrouted)
    sinks.decided(example(Routed))
    assert ([(example(Routed), 5.0)], []) == (kept.decisions, unrouted.decisions)


class Broken(Sink):
    """Fails whatever it is told."""

    def decided(self, decision: Decision, at: float) -> None:
        """Fail."""
        raise TypeError(f"{decision} at {at}")

    def finished(self, record: RequestRecord) -> None:
        """Fail."""
        raise TypeError(str(record))


def test_a_sink_that_fails_keeps_nothing_from_the_others() -> None:
    """Nor from the scheduler; it is logged as the mistake that it is."""
    kept = Kept()
    sinks = Sinks((Broken(), kept), lambda: 5.0)
    with structlog.testing.capture_logs() as lines:
        sinks.decided(example(ModelReady))
        sinks.finished(request())
    assert (1, 1) == (len(kept.decisions), len(kept.records))
    assert [("bug", "Broken"), ("bug", "Broken")] == [(line["event"], line["sink"]) for line in lines]
