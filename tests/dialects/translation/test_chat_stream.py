"""A stream of chunks as the events of a message."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostd.dialects.framing import split_events
from hostd.dialects.translation.answers import message_of
from hostd.dialects.translation.chat_stream import ChatToMessagesStream
from hostd.domain.errors import EngineError
from tests.dialects.translation.conversations import Json, chunks_of, completions, message_in


def opened() -> ChatToMessagesStream:
    """Return a stream whose prompt is taken for 100 tokens."""
    return ChatToMessagesStream("ours", "msg_1", 100)


def chunk(finish: str | None = None, **delta: Any) -> bytes:
    """Return a chunk of one choice."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "chatcmpl-1", "choices": [choice]}).encode() + b"\n\n"


def piece(number: int, arguments: str, **head: str) -> bytes:
    """Return a chunk with a piece of a tool call; what begins one has an id and a name."""
    named = {"id": head["id"]} if "id" in head else {}
    function = {"arguments": arguments} | ({"name": head["name"]} if "name" in head else {})
    return chunk(tool_calls=[{"index": number, "function": function, **named}])


DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 10}}
SUMS = b"data: " + json.dumps({"choices": [], "usage": USAGE}).encode() + b"\n\n"


@settings(max_examples=50)
@given(completions(), st.integers(1, 7), st.integers(1, 60))
def test_a_stream_adds_up_to_the_whole_answer(completion: Json, size: int, cut: int) -> None:
    """However its texts are in pieces, and its bytes are cut."""
    data, stream, events = b"".join(chunks_of(completion, size)), opened(), b""
    for start in range(0, len(data), cut):
        events += stream.feed(data[start : start + cut])
    assert stream.done
    found, whole = message_in(events), message_of(completion, "ours", "msg_1")
    assert whole == found
    assert completion["usage"]["prompt_tokens"] == stream.prompt_tokens


def test_the_order_of_events() -> None:
    """Each block is opened, continued and closed before the next; the sums come at the end, cached tokens apart."""
    said = [
        chunk(role="assistant", content=""),
        chunk(reasoning_content="hm"),
        chunk(content="Yes"),
        piece(0, "", id="a", name="f"),
    ]
    said += [piece(0, '{"a": 1}'), piece(1, "{}", id="b", name="g"), chunk("tool_calls"), SUMS, DONE]
    stream = opened()
    events = b"".join(map(stream.feed, said))
    names = [event.split(b"\n")[0].removeprefix(b"event: ").decode() for event in split_events(events)]
    block = ["content_block_start", "content_block_delta", "content_block_stop"]
    assert ["message_start", *block * 4, "message_delta", "message_stop"] == names
    message = message_in(events)
    assert ["thinking", "text", "tool_use", "tool_use"] == [each["type"] for each in message["content"]]
    assert "tool_use" == message["stop_reason"]
    assert (2, 10, 3) == (
        message["usage"]["input_tokens"],
        message["usage"]["cache_read_input_tokens"],
        message["usage"]["output_tokens"],
    )
    assert (12, 3) == (stream.prompt_tokens, stream.tokens)


def test_nothing_is_sent_before_the_answer() -> None:
    """So that another target may still give it; then the prompt is what the engine reported, or an estimate."""
    stream = opened()
    progress = json.dumps({"choices": [], "prompt_progress": {"total": 77, "cache": 0, "processed": 40, "time_ms": 1}})
    assert b"" == stream.feed(chunk(role="assistant", content=None)) + stream.feed(f"data: {progress}\n\n".encode())
    assert not stream.begun
    assert b'"input_tokens":77' in stream.feed(chunk(content="Yes"))
    assert stream.begun
    assert b'"input_tokens":100' in opened().feed(chunk(content="Yes"))


def test_without_sums() -> None:
    """An engine that counts nothing has its prompt estimated, and its answer counted by events."""
    stream = opened()
    events = stream.feed(chunk(content="Yes")) + stream.feed(chunk("stop")) + stream.feed(DONE)
    usage = message_in(events)["usage"]
    assert (100, 2) == (usage["input_tokens"], usage["output_tokens"])


def test_text_after_a_call() -> None:
    """Follows it: blocks are not woven into each other."""
    stream = opened()
    said = [piece(0, '{"a"', id="a", name="f"), chunk(content="so"), piece(0, ": 1}"), chunk("tool_calls"), DONE]
    message = message_in(b"".join(map(stream.feed, said)))
    assert [("tool_use", {"a": 1}), ("text", None)] == [
        (each["type"], each.get("input")) for each in message["content"]
    ]


def test_only_the_formal_end_is_missing() -> None:
    """An answer that has said why it is over is whole; one that has not is not."""
    stream = opened()
    events = stream.feed(chunk(content="Yes"))
    assert stream.end() is None
    events += stream.feed(chunk("stop"))
    assert stream.complete
    assert stream.settled
    assert "end_turn" == message_in(events + (stream.end() or b""))["stop_reason"]


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        ([chunk(content="Yes"), DONE], "in the middle"),
        ([DONE], "before it had begun"),
        ([chunk(content="Yes"), b'data: {"error": {"message": "no", "code": 500}}\n\n'], "reported an error: no"),
        ([chunk(content="Yes"), b'data: {"cho\n\n'], "no JSON"),
        ([chunk(content="Yes"), chunk("abort")], "gave the answer up"),
        ([piece(0, '{"a', id="a", name="f"), chunk("tool_calls"), DONE], "no JSON object"),
        ([piece(0, '{"a', id="a", name="f"), piece(1, "", id="b", name="g")], "no JSON object"),
        ([piece(0, "", id="a", name="f"), piece(1, "", id="b", name="g"), piece(0, "{}")], "went back"),
    ],
)
def test_no_answer(said: list[bytes], failure: str) -> None:
    """What is not whole has no end, and says why."""
    stream = opened()
    events = b"".join(map(stream.feed, said))
    assert failure in stream.failure
    assert not stream.done
    assert stream.end() is None
    assert b"message_stop" not in events


def test_a_call_that_was_cut() -> None:
    """At the limit of the answer it is half of one, and the client reads why."""
    stream = opened()
    events = b"".join(map(stream.feed, [piece(0, '{"a', id="a", name="f"), chunk("length"), DONE]))
    assert stream.done
    assert b'"stop_reason":"max_tokens"' in events


def test_its_last_error() -> None:
    """Is one of Anthropic's."""
    assert opened().error_event(EngineError("broke")).startswith(b"event: error\n")
