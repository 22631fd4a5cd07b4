"""Attempts and moves are gathered until a request is over; what was said is kept only where it may be."""

from hostd.telemetry.traces import sink as sinks
from hostd.telemetry.traces.context import TraceContext, span_id_of, trace_id_of
from tests.telemetry.example_records import NOON, request
from tests.telemetry.traces.seen import Kept, exchange, fell_back, routed, sink

CLIENT = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


def test_follows_a_request() -> None:
    """Each attempt with its begin and the reason for which it was left; then nothing of it is remembered."""
    kept = Kept()
    traces = sink(kept)
    traces.decided(routed("alpha"), NOON + 1)
    traces.decided(fell_back("alpha", "beta"), NOON + 2)
    traces.decided(routed("beta", 2), NOON + 2.5)
    record = request(ticket="t1", model="beta")
    traces.exchanged(record, exchange(traceparent=CLIENT, temperature=0.5))
    (seen,) = kept.seen
    assert [("alpha", NOON + 1, NOON + 2, "stall"), ("beta", NOON + 2.5, None, None)] == [
        (each.model, each.at, each.ended, each.reason) for each in seen.attempts
    ]
    assert ["llamacpp", "zai"] == [each.upstream.provider for each in seen.attempts]
    assert [("hostd.fallback", NOON + 2)] == [event[:2] for event in seen.fallbacks]
    assert TraceContext.parse(CLIENT) == seen.parent
    assert {"gen_ai.request.temperature": 0.5} == seen.about
    traces.exchanged(record, exchange())
    assert [] == list(kept.seen[1].attempts)


def test_an_answer_that_is_held_back_is_no_error() -> None:
    """Its attempt ends where the next one begins."""
    kept = Kept()
    traces = sink(kept)
    traces.decided(routed("alpha"), NOON + 1)
    traces.decided(routed("beta", 2), NOON + 2)
    traces.exchanged(request(ticket="t1", model="beta"), exchange())
    assert [(1, NOON + 2, None), (2, None, None)] == [
        (each.number, each.ended, each.reason) for each in kept.seen[0].attempts
    ]


def test_content_takes_the_owners_word() -> None:
    """Without it, nothing of what was said is kept, even where the gateway has told it; with it, what the gateway tells."""
    answer = b'{"choices": [{"message": {"content": "secret"}}]}'
    for content, given, expected in ((False, answer, 0), (True, None, 0), (True, answer, 2)):
        kept = Kept()
        traces = sink(kept, content=content)
        assert content is traces.takes_content
        traces.exchanged(request(ticket="t1"), exchange(given))
        assert expected == len([name for name in kept.seen[0].content() if name.endswith(".messages")])


def test_names_the_span_of_an_attempt() -> None:
    """In the client's trace, sampled as it is there; or in one of its own."""
    traces = sink(Kept())
    within, own = (TraceContext.parse(traces.traceparent("t1", received, 2)) for received in (CLIENT[:-1] + "0", None))
    assert TraceContext(int("a" * 32, 16), span_id_of("t1", "2"), sampled=False) == within
    assert TraceContext(trace_id_of("t1"), span_id_of("t1", "2"), sampled=True) == own


def test_is_bounded() -> None:
    """Requests whose end is never told give way."""
    traces = sink(Kept())
    for number in range(sinks._MOST_OPEN + 5):
        traces.decided(routed("alpha")._replace(ticket_id=str(number)), NOON)
    assert sinks._MOST_OPEN == len(traces._open)


def test_closes_what_exports() -> None:
    """When the daemon ends."""
    kept = Kept()
    sink(kept).close()
    assert kept.closed
