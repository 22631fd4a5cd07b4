"""Traces of two real daemons, one in front of the other, as Langfuse receives and reads them."""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs hostd[otel]")

from tests.journeys.host import Host, profile, started, until, write_files
from tests.journeys.otlp_receiver import OtlpReceiver, ReceivedSpan, otlp_receiver

CLIENT = "00-" + "a1" * 16 + "-" + "b2" * 8 + "-01"
CHAT = "POST /v1/chat/completions"


def _first(span: ReceivedSpan, *names: str) -> Any:
    """Return the first of several attributes that a span has, as Langfuse looks for them."""
    return next((span.attributes[name] for name in names if name in span.attributes), None)


def _langfuse(span: ReceivedSpan) -> dict[str, Any]:
    """Return what Langfuse reads of a span (OtelIngestionProcessor in packages/shared/src/server/otel of its repository)."""
    return {
        "model": _first(span, "gen_ai.response.model", "gen_ai.request.model"),
        "session": _first(span, "langfuse.session.id", "session.id", "gen_ai.conversation.id"),
        "user": _first(span, "langfuse.user.id", "user.id"),
        "input": json.loads(_first(span, "gen_ai.input.messages") or "null"),
        "output": json.loads(_first(span, "gen_ai.output.messages") or "null"),
        "usage": {
            name.removeprefix("gen_ai.usage."): value
            for name, value in span.attributes.items()
            if name.startswith("gen_ai.usage.")
        },
        "parameters": {
            name.removeprefix("gen_ai.request."): value
            for name, value in span.attributes.items()
            if name.startswith("gen_ai.request.") and name != "gen_ai.request.model"
        },
    }


Pair = tuple[Host, Host, OtlpReceiver]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A daemon with a real engine, which may show content, and one in front of it whose owner has said it once only."""
    back, front = tmp_path_factory.mktemp("back"), tmp_path_factory.mktemp("front")
    write_files(back, profile("chat", price={"input": 1.0, "output": 2.0}), traces={"content": True})
    with otlp_receiver() as receiver:
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
            "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Basic%20cGs6c2s=",
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        with started(back, environment=variables | {"OTEL_SERVICE_NAME": "back"}) as behind:
            variant = {"backend": "openai", "url": f"{behind.url}/v1", "model": "chat"}
            gone = {"backend": "openai", "url": "http://127.0.0.1:9/v1", "model": "chat"}
            far: dict[str, Any] = {"name": "far", "variants": [variant], "context": 2048, "slots": 2}
            lost = {**far, "name": "lost", "variants": [gone], "fallback": ["far"], "warm": {"preload": False}}
            write_files(front, far, lost)
            with started(front, environment=variables | {"OTEL_SERVICE_NAME": "front"}) as host:
                until(lambda: behind.get("/readyz").status == host.get("/readyz").status == 200)
                yield host, behind, receiver


def _spans(receiver: OtlpReceiver, wanted: Callable[[ReceivedSpan], bool], count: int = 1) -> Sequence[ReceivedSpan]:
    """Return the spans that are *wanted* once there are *count*."""
    found: Sequence[ReceivedSpan] = until(
        lambda: found if len(found := [span for span in list(receiver.spans) if wanted(span)]) >= count else None, 15
    )
    return found


def _of_session(name: str) -> Callable[[ReceivedSpan], bool]:
    return lambda span: bool(span.attributes.get("gen_ai.conversation.id") == name)


def test_a_trace_goes_through_both(pair: Pair) -> None:
    """From the client's span through each daemon and attempt to the engine; times lie within one another."""
    host, _, receiver = pair
    headers = {"traceparent": CLIENT, "x-hostd-session": "talk-1", "x-hostd-client": "notes"}
    messages = [{"role": "user", "content": "Hello"}]
    asked = {"model": "far", "messages": messages, "max_tokens": 24, "temperature": 0.5, "stream": True}
    assert 200 == host.post("/v1/chat/completions", asked, headers).status
    spans = _spans(receiver, lambda span: span.trace_id == "a1" * 16, 6)
    chain: list[ReceivedSpan] = []
    parent = "b2" * 8
    for service, name in (("front", CHAT), ("front", "chat far"), ("back", CHAT), ("back", "chat chat")):
        (span,) = (each for each in spans if (each.service, each.name) == (service, name))
        assert parent == span.parent
        chain.append(span)
        parent = span.span_id
    assert [2, 3, 2, 3] == [span.kind for span in chain]
    assert all(inner.begin >= outer.begin - 0.05 for outer, inner in pairwise(chain))
    first = [each for each in spans if each.name == "time to first token"]
    assert {chain[1].span_id, chain[3].span_id} == {each.parent for each in first}
    told = _langfuse(chain[0])
    assert ("talk-1", "notes") == (told["session"], told["user"])
    assert {"/api/public/otel/v1/traces"} == receiver.paths
    assert {"Basic cGs6c2s="} == receiver.authorizations


def test_langfuse_reads_the_generation(pair: Pair) -> None:
    """Model, parameters, usage and cost, session, and what was said, at one span; by a stream of Anthropic's, too."""
    _, behind, receiver = pair
    messages = [{"role": "user", "content": "Hello there"}]
    asked = {"model": "chat", "messages": messages, "max_tokens": 16, "temperature": 0.25, "stream": True}
    answer = behind.post("/v1/messages", asked | {"system": "be brief"}, {"x-hostd-session": "talk-2"})
    events = [json.loads(line[6:]) for line in answer.body.decode().split("\n") if line.startswith("data: ")]
    said = "".join(each["delta"].get("text", "") for each in events if each["type"] == "content_block_delta")
    (span,) = _spans(receiver, _of_session("talk-2"))
    told = _langfuse(span)
    usage = told["usage"]
    assert ("chat", "talk-2") == (told["model"], told["session"])
    assert [{"role": "user", "parts": [{"type": "text", "content": "Hello there"}]}] == told["input"]
    assert ([{"type": "text", "content": said}], True) == (told["output"][0]["parts"], bool(said))
    assert {"stream": True, "max_tokens": 16, "temperature": 0.25} == told["parameters"]
    assert pytest.approx((usage["input_tokens"] + 2 * usage["output_tokens"]) / 1e6) == usage["cost"]
    assert 0 < usage["output_tokens"] <= 16
    whole = next(each for each in receiver.spans if each.span_id == span.parent)
    assert {} == _langfuse(whole)["usage"]


def test_content_is_asked_for_twice(pair: Pair) -> None:
    """Not exported where the settings do not say so, nor of a request that must stay here."""
    host, behind, receiver = pair
    private = {"x-hostd-privacy": "local", "x-hostd-session": "talk-3"}
    asked = {"model": "chat", "messages": [{"role": "user", "content": "a secret"}], "max_tokens": 4}
    assert 200 == behind.post("/v1/chat/completions", asked, private).status
    assert 200 == host.post("/v1/chat/completions", asked | {"model": "far"}, {"x-hostd-session": "talk-4"}).status
    for session in ("talk-3", "talk-4"):
        (span,) = _spans(receiver, _of_session(session))
        assert "gen_ai.usage.output_tokens" in span.attributes
    of_front = [span for span in receiver.spans if span.service == "front"]
    hidden = [span for span in receiver.spans if span.attributes.get("gen_ai.conversation.id") == "talk-3"]
    assert not [span for span in (*of_front, *hidden) if "gen_ai.input.messages" in span.attributes]
    assert "a secret" not in str(of_front + hidden)


def test_a_fallback_shows(pair: Pair) -> None:
    """The move is an event of the request, and the span of the attempt is that of the model that answered."""
    host, _, receiver = pair
    asked = {"model": "lost", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
    assert 200 == host.post("/v1/chat/completions", asked, {"x-hostd-session": "talk-5"}).status
    (whole,) = _spans(receiver, lambda span: span.attributes.get("session.id") == "talk-5")
    assert ("hostd.fallback",) == whole.events
    assert ("fallback", "far", "lost") == tuple(
        whole.attributes[f"hostd.{name}"] for name in ("route", "model", "asked")
    )
    (answered,) = _spans(receiver, lambda span: span.parent == whole.span_id and span.name == "chat far")
    assert "attached" == answered.attributes["gen_ai.provider.name"]


def test_the_end_of_a_daemon_exports_the_rest(tmp_path: Path) -> None:
    """What has not been sent when it is told to stop is sent then: here, of a request that had its model loaded."""
    write_files(tmp_path, profile("chat", warm={"preload": False}))
    with otlp_receiver() as receiver:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_BSP_SCHEDULE_DELAY": "60000"}
        with started(tmp_path, environment=variables) as host:
            until(lambda: host.get("/readyz").status == 200)
            assert 200 == host.chat("chat").status
            assert [] == receiver.spans
        parts = {span.name: span for span in receiver.spans}
        assert {CHAT, "queue", "load chat", "chat chat", "time to first token"} == parts.keys()
        assert parts["queue"].span_id == parts["load chat"].parent
        load = parts["load chat"]
        assert parts[CHAT].begin <= load.begin < load.end <= parts["chat chat"].begin + 0.1
