"""Every answer tells who gave it, why, and after how long."""

import pytest

from hostd.domain.principal import ANONYMOUS
from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Route, Ticket
from hostd.gateway.forwarding.request_trace import RequestTrace, header_lines, request_id, request_record

HEADERS = {
    "x-request-id",
    "request-id",
    "x-hostd-model",
    "x-hostd-backend",
    "x-hostd-route",
    "x-hostd-attempts",
    "x-hostd-queue-ms",
    "Server-Timing",
}


def test_takes_a_harmless_id() -> None:
    """A client may name its request."""
    assert "abc-1.2_3" == request_id({"X-Request-Id": "abc-1.2_3"})


@pytest.mark.parametrize("given", ["", "a b", "a\n", "é", "x" * 129, 'a"'])
def test_replaces_an_id_that_could_do_harm(given: str) -> None:
    """What could forge a line or a header is replaced by an id of ours."""
    assert request_id({"X-Request-Id": given}).startswith("req_")


def test_makes_ids_that_differ() -> None:
    """Two requests without an id get two."""
    assert request_id({}) != request_id({})


def test_tells_nothing_as_none() -> None:
    """All headers are there even when no model had a part in the answer."""
    headers = RequestTrace("r").headers()
    assert HEADERS == set(headers)
    assert ("none", "none", "0") == (headers["x-hostd-model"], headers["x-hostd-route"], headers["x-hostd-attempts"])


def test_tells_which_answers_were_held_back() -> None:
    """With what all of them cost."""
    trace = RequestTrace("r", cascade=("a=refusal", "b=judge"), cost_before=0.5)
    assert "a=refusal, b=judge" == trace.headers()["x-hostd-cascade"]
    assert 0.5 == float(trace.headers()["x-hostd-cost-usd"])
    trace.cost = 0.25
    assert 0.75 == float(trace.headers()["x-hostd-cost-usd"])


def test_tells_a_stream_whose_head_is_gone() -> None:
    """In one line, without the names of headers that say nothing."""
    trace = RequestTrace("r", model="a", route="primary")
    assert "x-hostd-model=a x-hostd-route=primary" == trace.in_a_comment()
    trace.cascade, trace.context_fit = ("a=refusal",), "trimmed=1; summarised=0; bytes=9-3"
    told = "x-hostd-cascade=a=refusal x-hostd-context-fit=trimmed=1,summarised=0,bytes=9-3"
    assert trace.in_a_comment().endswith(told)


def test_tells_times_apart() -> None:
    """The time of a load is not counted as queueing in Server-Timing, and both are in x-hostd-queue-ms."""
    headers = RequestTrace("r", waited=1.5, loaded=1.0, ttft=0.25).headers()
    assert "1500" == headers["x-hostd-queue-ms"]
    assert "queue;dur=500.0, load;dur=1000.0, ttft;dur=250.0" == headers["Server-Timing"]


def test_tells_the_route() -> None:
    """The first choice is primary; any other says why."""
    trace = RequestTrace("r")
    trace.set_route(None)
    assert "primary" == trace.route
    trace.set_route(FallbackReason.QUEUE_TIMEOUT)
    assert "fallback:queue_timeout" == trace.route


def test_tells_what_an_answer_costs() -> None:
    """In USD, without an exponent however little it is; nothing where it is not known."""
    assert "0.00000012" == RequestTrace("r", cost=1.2e-7).headers()["x-hostd-cost-usd"]
    assert "x-hostd-cost-usd" not in RequestTrace("r").headers()


def test_counts_second_tries_as_attempts() -> None:
    """Each exchange with an engine is one; the record tells which models were asked twice."""
    trace = RequestTrace("r", model="beta", attempts=2, asked_again=("alpha",))
    ticket = Ticket("r", Route("alpha", (), profile="alpha"))
    record = request_record(trace, ANONYMOUS, ticket, "answered", 200, 1.0)
    assert ("3", 3, ("alpha",)) == (trace.headers()["x-hostd-attempts"], record.attempts, record.asked_again)


def test_headers_are_the_lines_of_the_head() -> None:
    """Errors and answers carry the same ones."""
    trace = RequestTrace("r", model="org/a:b", cost=0.5, left_out="x, y", thinking="low", fixed="Vary: Origin\r\n")
    assert "".join(f"{name}: {value}\r\n" for name, value in trace.headers().items()) == trace.lines()
    expected = {"x-hostd-model": "org/a:b", "x-hostd-left-out": "x, y", "x-hostd-thinking": "low", "Vary": "Origin"}
    assert expected.items() <= trace.headers().items()


@pytest.mark.parametrize("text", ["a\r\nb: c", "a\nb", "a\0", "\x7f"])
def test_no_header_begins_another(text: str) -> None:
    """Whatever brings a control character along is a mistake."""
    with pytest.raises(ValueError, match="control"):
        header_lines({"x": text})
