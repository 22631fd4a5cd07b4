"""A request's spans by OpenTelemetry's conventions: what is in what, from when to when, and what each says."""

from typing import Any

from hostd.dialects.base import Dialect
from hostd.domain.profile import Variant
from hostd.telemetry.traces.request_spans import (
    AttemptSeen,
    RequestSeen,
    SpanData,
    SpanEvent,
    SpanKind,
    UpstreamName,
    spans_of,
)
from tests.telemetry.example_records import NOON, request

ABOUT = {"gen_ai.request.top_p": 0.5}
LLAMA = UpstreamName("llamacpp")
FIRST = AttemptSeen(1, "alpha", LLAMA, NOON + 3.0, NOON + 4.0, "stall")
LAST = AttemptSeen(2, "beta", UpstreamName("xai"), NOON + 4.0)


def spans(*attempts: AttemptSeen, dialect: Dialect = Dialect.OPENAI_CHAT, **more: Any) -> dict[str, SpanData]:
    """Return the spans of one request by their parts."""
    moved = [SpanEvent("hostd.fallback", each.ended, {}) for each in attempts if each.ended is not None]
    record = request(ticket="t1", session="s1", client="me", total=6.0, ttft=0.5, attempts=len(attempts), **more)
    seen = RequestSeen(
        record,
        "/v1/chat/completions",
        dialect,
        None,
        attempts,
        moved,
        {"gen_ai.request.top_p": 0.5},
        lambda: {"said": "x"},
    )
    return {span.part: span for span in spans_of(seen)}


def test_times_lie_within_one_another() -> None:
    """The request from its arrival to its end, the wait, at whose end is the load, and the attempts with their first token."""
    found = spans(FIRST, LAST, waited=3.0, loaded=2.0, model="beta")
    assert {
        "": (None, 0.0, 6.0),
        "queue": ("", 0.0, 3.0),
        "load": ("queue", 1.0, 3.0),
        "1": ("", 3.0, 4.0),
        "2": ("", 4.0, 6.0),
        "2/first_token": ("2", 4.0, 4.5),
    } == {part: (span.parent, span.begin - NOON, span.end - NOON) for part, span in found.items()}
    kinds = [found[part].kind for part in ("", "queue", "1")]
    assert [SpanKind.SERVER, SpanKind.INTERNAL, SpanKind.CLIENT] == kinds
    assert [NOON + 4.0] == [event.at for event in found[""].events]


def test_a_request_that_waits_for_nothing_has_no_wait() -> None:
    """Nor a load."""
    assert ["", "2", "2/first_token"] == list(spans(LAST))


def test_names_and_attributes() -> None:
    """The request is HTTP's, the attempt the model's; sums stand at the attempt that answered alone."""
    found = spans(FIRST, LAST, waited=0.0, model="beta", cost=0.25, sent=200, role="coder")
    whole, first, last = found[""], found["1"], found["2"]
    assert ("POST /v1/chat/completions", "chat alpha", "chat beta") == (whole.name, first.name, last.name)
    assert not [name for name in (*whole.attributes, *first.attributes) if name.startswith("gen_ai.usage")]
    assert "gen_ai.response.model" not in first.attributes
    assert {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "x_ai",
        "gen_ai.request.model": "beta",
        "gen_ai.request.stream": True,
        "gen_ai.request.top_p": 0.5,
        "gen_ai.conversation.id": "s1",
        "gen_ai.response.model": "beta",
        "gen_ai.response.time_to_first_chunk": 0.5,
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 51,
        "gen_ai.usage.cost": 0.25,
        "hostd.route.attempt": 2,
        "langfuse.observation.completion_start_time": "2025-11-20T11:00:04.500000+00:00",
        "said": "x",
    } == last.attributes
    expected = {
        "http.response.status_code": 200,
        "session.id": "s1",
        "user.id": "me",
        "hostd.role": "coder",
        "hostd.route": "primary",
        "hostd.route.attempts": 2,
    }
    assert expected.items() <= whole.attributes.items()


def test_errors() -> None:
    """An attempt that was left says why; a refusal and a broken stream are errors, a client's mistake or leaving is none."""
    found = spans(FIRST, waited=1.0, outcome="refused", status=503, route="fallback:stall")
    assert ("stall", "refused, 503") == (found["1"].error, found[""].error)
    assert ("stall", "stall") == tuple(found[part].attributes["error.type"] for part in ("1", ""))
    broken = spans(LAST, outcome="broken", status=502)
    assert ("broken, 502", "broken, 502") == (broken["2"].error, broken[""].error)
    for outcome, status in (("gone", 499), ("failed", 400), ("answered", 200)):
        assert "" == spans(LAST, outcome=outcome, status=status)[""].error


def test_operations() -> None:
    """Those that the conventions know, by dialect."""
    vectors = spans(LAST, dialect=Dialect.OLLAMA_EMBED)["2"]
    assert ("embeddings", "embeddings beta") == (vectors.attributes["gen_ai.operation.name"], vectors.name)


def test_names_upstreams() -> None:
    """An engine, a provider, or a server that somebody else runs, with its host."""
    attached = Variant("openai", url="http://10.0.0.2:1234/v1")
    assert UpstreamName("attached", "10.0.0.2") == UpstreamName.of(attached)
    assert UpstreamName("zai") == UpstreamName.of(Variant("cloud", provider="zai", model="glm"))
    assert LLAMA == UpstreamName.of(Variant("llamacpp", path="a.gguf"))
