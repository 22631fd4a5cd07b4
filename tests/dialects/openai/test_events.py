"""Whatever an engine sends, reading it never fails, and nothing is taken for a whole answer but one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.base import Dialect
from hostd.dialects.openai.aggregate import StreamAggregator
from hostd.dialects.openai.dialect import OpenAiIdentity
from hostd.dialects.openai.events import ChoiceEnds, EventKind, error_in, has_text, read_event
from hostd.dialects.openai.stream import OpenAiStream
from hostd.domain.errors import HostdError
from tests.dialects.answering import context
from tests.dialects.test_request_document import values

REAL: list[dict[str, Any]] = [
    {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}]},
    {"choices": [{"index": 0, "delta": {"content": " one"}, "finish_reason": None, "logprobs": {"content": []}}]},
    {"choices": [{"index": 1, "delta": {"reasoning_content": " hm"}, "finish_reason": None}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}}]}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}, "finish_reason": None}]},
    {"choices": [{"index": 0, "text": " two", "finish_reason": None}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {"choices": [{"index": 1, "delta": {}, "finish_reason": "length"}]},
    {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 5}, "timings": {"predicted_n": 5}},
    {"error": {"code": 500, "message": "no luck"}},
]  # fmt: skip


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the place of each value within *value*."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, inner in items for found in paths_in(inner, (*path, key)))]


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """Return a real chunk of which some value is another one, or is not there."""
    chunk = json.loads(json.dumps(draw(st.sampled_from(REAL))))
    for _ in range(draw(st.integers(0, 2))):
        *places, last = draw(st.sampled_from(paths_in(chunk)[1:] or [("x",)]))
        holder = chunk
        for place in places:
            holder = holder[place]
        if draw(st.booleans()):
            holder[last] = draw(values)
        elif isinstance(holder, dict):
            holder.pop(last, None)
    return chunk


events = st.one_of(
    mutated().map(lambda chunk: b"data: " + json.dumps(chunk).encode()),
    st.sampled_from(
        [b"data: [DONE]", b": ping", b"data:", b"data: ping", b"event: error\ndata: {}", b"data: null", b"id: 7"]
    ),
    st.binary(max_size=20).map(lambda data: b"data: " + data),
    st.binary(max_size=20),
)
streams = st.lists(st.tuples(events, st.sampled_from([b"\n\n", b"\r\n\r\n", b"\n", b""])), max_size=8).map(
    lambda parts: b"".join(event + end for event, end in parts)
)


def is_whole(stream: bytes) -> bool:
    """Return whether each choice in *stream* has said why it is over, as a reader would find who decodes every whole event."""
    finished: dict[int, bool] = {}
    gives_reasons = False
    *events, _cut = stream.replace(b"\r\n", b"\n").split(b"\n\n")
    for event in events:
        found = read_event(event)
        for choice in found.chunk.get("choices", []):
            index = choice.get("index") or 0
            gives_reasons = gives_reasons or "finish_reason" in choice
            finished[index] = bool(choice.get("finish_reason")) or (finished.get(index, False) and not has_text(choice))
        if found.kind is EventKind.DONE:
            # Of servers that never say why, the word alone is enough.
            return bool(finished) and (all(finished.values()) or not gives_reasons)
    return bool(finished) and all(finished.values())


@given(streams, st.integers(1, 40))
def test_no_stream_makes_a_mistake_or_a_truncated_success(stream: bytes, size: int) -> None:
    """Passed on or put together, cut anywhere: no exception, and no good end without the end of each choice."""
    translator, assembler = OpenAiStream("m"), StreamAggregator()
    given_out = b""
    for start in range(0, len(stream), size):
        given_out += translator.feed(stream[start : start + size])
        assembler.feed(stream[start : start + size])
    end, answer = translator.end(), assembler.answer()
    assert isinstance(translator.tokens + translator.prompt_tokens, int)
    if translator.done or end is not None:
        assert is_whole(stream)
        assert not translator.failure
    if assembler.end() and not answer.failure:
        assert is_whole(stream)
        assert json.loads(answer.body)["choices"]
    for error in (translator.engine_error, assembler.engine_error):
        assert error is None or isinstance(error, HostdError)


payloads = st.binary(max_size=60) | (values | mutated()).map(lambda value: json.dumps(value).encode())


@given(payloads, st.sampled_from([200, 400, 413, 422, 429, 500, 503, 302]))
def test_no_whole_answer_makes_a_mistake(payload: bytes, status: int) -> None:
    """As an answer or as an error, chat or vectors."""
    for dialect in (Dialect.OPENAI_CHAT, Dialect.OPENAI_EMBEDDINGS):
        translation = OpenAiIdentity(dialect)
        answer = translation.response(payload, context(dialect))
        assert answer.failure or isinstance(json.loads(answer.body), dict)
        error = translation.failure(status, payload)
        assert error.message
        assert len(error.message) < 600


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (b": comment", EventKind.COMMENT),
        (b"id: 7", EventKind.COMMENT),
        (b"data:[DONE]", EventKind.DONE),
        (b"data: ping", EventKind.HEARTBEAT),
        (b'data: {"choices":[]}', EventKind.CHUNK),
        (b'data: {"usage":{"prompt_tokens":1}}', EventKind.CHUNK),
        (b'data: {"id":"x"}', EventKind.HEARTBEAT),
        (b'data: {"choices":[{"index":-1}]}', EventKind.BROKEN),
        (b'data: {"choices":[{"finish_reason":5}]}', EventKind.BROKEN),
        (b"data: " + b"[" * 5000, EventKind.BROKEN),
        (b"event: error\ndata:", EventKind.ERROR),
        (b"event: error", EventKind.COMMENT),
    ],
)
def test_tells_events_apart(event: bytes, kind: EventKind) -> None:
    """By their data, and by their name where that says error."""
    assert kind is read_event(event).kind


def test_finds_errors() -> None:
    """An error that is empty is none; an answer that talks of errors is none either."""
    assert error_in({"error": {"message": "m"}}) == {"message": "m"}
    assert (
        error_in({"choices": [], "error": None})
        is error_in({"choices": [{"message": {"content": "error"}}]})
        is error_in(5)
        is None
    )


def test_counts_choices() -> None:
    """No request asks for thousands of them."""
    ends = ChoiceEnds()
    for index in range(5000):
        ends.note({"index": index})
    assert (True, True, False, False) == (ends.too_many, ends.several, ends.begun, ends.complete())
