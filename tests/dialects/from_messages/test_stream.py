"""A stream of Anthropic's events as the chunks of a chat completion."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostd.dialects.anthropic.dialect import MessagesFromChat
from hostd.dialects.base import Dialect
from hostd.dialects.from_messages.stream import MessagesToChatStream
from hostd.dialects.openai.aggregate import StreamAggregator
from hostd.domain.errors import EngineError
from tests.dialects.answering import context
from tests.dialects.conversations import Json, chunks_of, completions

ASKED = context(Dialect.ANTHROPIC_MESSAGES, b'{"model": "asked", "messages": [{"role": "user", "content": "Hi"}]}')


def event(kind: str, **data: object) -> bytes:
    """Return one event."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()


def opened(*, passes_sums: bool = True) -> MessagesToChatStream:
    """Return a stream that began five seconds after 1970 did."""
    return MessagesToChatStream("ours", 5.5, passes_sums=passes_sums)


START = event("message_start", message={"id": "msg_1", "usage": {"input_tokens": 7, "output_tokens": 1}})
TEXT = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
WORD = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hi"})
CLOSED = event("content_block_stop", index=0)
OVER = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2})
END = event("message_stop")
PING = event("ping")


@settings(max_examples=50)
@given(completions(), st.integers(1, 7), st.integers(1, 60))
def test_there_and_back_keeps_the_answer(completion: Json, size: int, cut: int) -> None:
    """Chunks made of events that were made of chunks add up to the same answer, however the bytes are cut."""
    there = MessagesFromChat().stream(ASKED)
    data = b"".join(map(there.feed, chunks_of(completion, size)))
    back, aggregator = opened(), StreamAggregator()
    for start in range(0, len(data), cut):
        aggregator.feed(back.feed(data[start : start + cut]))
    assert back.done
    assert aggregator.done
    found, expected = aggregator.document(), completion["choices"][0]
    choice = found["choices"][0]
    assert expected["finish_reason"] == choice["finish_reason"]
    for name in ("content", "reasoning_content"):
        assert (expected["message"].get(name) or "") == (choice["message"].get(name) or "")
    calls = [
        (call["id"], json.loads(call["function"]["arguments"])) for call in choice["message"].get("tool_calls", ())
    ]
    assert [
        (call["id"], json.loads(call["function"]["arguments"])) for call in expected["message"].get("tool_calls", ())
    ] == calls
    assert completion["usage"]["prompt_tokens"] == found["usage"]["prompt_tokens"]
    assert ("ours", 5) == (found["model"], found["created"])


def test_nothing_is_sent_before_the_answer() -> None:
    """Neither its beginning nor pings; what comes with the first word is the role."""
    stream = opened()
    assert b"" == stream.feed(START) + stream.feed(PING)
    assert not stream.begun
    assert b"" == stream.feed(TEXT)
    first = stream.feed(PING + WORD)
    assert first.index(b'"role":"assistant"') < first.index(b'"content":"Hi"')


def test_sums_are_told_to_who_asked() -> None:
    """In a chunk of their own, before the formal end."""
    events = b"".join(map(opened().feed, [START, TEXT, WORD, CLOSED, OVER, END]))
    assert b'"prompt_tokens":7' in events
    assert events.endswith(b"data: [DONE]\n\n")
    plain = b"".join(map(opened(passes_sums=False).feed, [START, TEXT, WORD, CLOSED, OVER, END]))
    assert b"usage" not in plain
    assert b'"finish_reason":"stop"' in plain


def test_arguments() -> None:
    """A tool without any is called with an empty object; those that come with the call at once are passed on."""
    block: Json = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    started = START + event("content_block_start", index=0, content_block=block)
    assert b'"arguments":"{}"' in opened().feed(started + CLOSED)
    whole = START + event("content_block_start", index=0, content_block=block | {"input": {"x": 1}})
    assert rb'"arguments":"{\"x\":1}"' in opened().feed(whole + CLOSED)


def test_a_server_tool_is_no_call() -> None:
    """The client could not run what Anthropic has run itself."""
    block = {"type": "server_tool_use", "id": "a", "name": "web_search", "input": {}}
    assert b"tool_calls" not in opened().feed(
        START + event("content_block_start", index=0, content_block=block) + CLOSED
    )


def test_a_refusal() -> None:
    """Is OpenAI's filter, even without a word."""
    over = event("message_delta", delta={"stop_reason": "refusal"}, usage={"output_tokens": 0})
    assert b'"finish_reason":"content_filter"' in opened().feed(START + over + END)


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        ([START, TEXT, WORD, END], "in the middle"),
        ([START, TEXT, event("error", error={"type": "overloaded_error", "message": "Overloaded"})], "Overloaded"),
        ([START, b"data: {\n\n"], "no JSON"),
    ],
)
def test_no_answer(said: list[bytes], failure: str) -> None:
    """What is not whole has no end, and says why."""
    stream = opened()
    events = b"".join(map(stream.feed, said))
    assert failure in stream.failure
    assert stream.end() is None
    assert b"[DONE]" not in events


def test_only_the_formal_end_is_missing() -> None:
    """It is added."""
    stream = opened()
    for each in (START, TEXT, WORD, CLOSED, OVER):
        stream.feed(each)
    assert stream.settled
    assert (stream.end() or b"").endswith(b"data: [DONE]\n\n")
    assert (7, 2) == (stream.prompt_tokens, stream.tokens)


def test_its_last_error() -> None:
    """Is one of OpenAI's."""
    assert opened().error_event(EngineError("broke")).startswith(b'data: {"error"')
