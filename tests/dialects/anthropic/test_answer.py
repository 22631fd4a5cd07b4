"""A chat completion as a message, whole and as events."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostd.dialects.anthropic.dialect import MessagesFromChat
from hostd.dialects.base import Dialect
from hostd.dialects.framing import split_events
from hostd.dialects.from_chat.stream import ChatStream
from hostd.domain.errors import EngineError
from tests.dialects.answering import context
from tests.dialects.conversations import Json, chunks_of, completions, message_in
from tests.dialects.from_chat.chunks import DONE, ROLE, TALK, USAGE, call, chunk, event

ASKED = context(
    Dialect.ANTHROPIC_MESSAGES, b'{"model": "asked", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}'
)
ESTIMATE = 4
"""Tokens that the prompt is taken for."""
BETWEEN = MessagesFromChat()


def opened() -> ChatStream:
    """Return a stream to a client of messages."""
    return BETWEEN.stream(ASKED)


def whole(completion: Json) -> Json:
    """Return a whole *completion* as a message."""
    answer = BETWEEN.response(json.dumps(completion).encode(), ASKED)
    assert not answer.failure
    message: Json = json.loads(answer.body)
    assert message["usage"]["output_tokens"] == answer.tokens
    return message


def answered(finish: str = "stop", message: object = None, **more: Any) -> Json:
    """Return a whole completion with *message*."""
    choice = {"index": 0, "finish_reason": finish, "message": message or {"content": "Yes"}, **more}
    return {"id": "chatcmpl-1", "choices": [choice]}


@settings(max_examples=50)
@given(completions(), st.integers(1, 7), st.integers(1, 60))
def test_a_stream_adds_up_to_the_whole_answer(completion: Json, size: int, cut: int) -> None:
    """However its texts are in pieces, and its bytes are cut."""
    data, stream, events = b"".join(chunks_of(completion, size)), opened(), b""
    for start in range(0, len(data), cut):
        events += stream.feed(data[start : start + cut])
    assert stream.done
    assert whole(completion) == message_in(events)
    assert completion["usage"]["prompt_tokens"] == stream.prompt_tokens


def test_the_order_of_events() -> None:
    """Each block is opened, continued and closed before the next; the sums come at the end, cached tokens apart."""
    stream = opened()
    events = stream.feed(TALK)
    names = [each.split(b"\n")[0].removeprefix(b"event: ").decode() for each in split_events(events)]
    block = ["content_block_start", "content_block_delta", "content_block_stop"]
    twice = [block[0], block[1], *block[1:]]
    assert ["message_start", *twice * 3, *block, "message_delta", "message_stop"] == names
    message = message_in(events)
    assert ["thinking", "text", "tool_use", "tool_use"] == [each["type"] for each in message["content"]]
    assert ("msg_1", "ours", "tool_use") == (message["id"], message["model"], message["stop_reason"])
    usage = message["usage"]
    assert (7, 4, 5) == (usage["input_tokens"], usage["cache_read_input_tokens"], usage["output_tokens"])


def test_the_prompt_at_the_beginning() -> None:
    """Is what the engine has reported, else an estimate."""
    stream = opened()
    stream.feed(ROLE + event({"choices": [], "prompt_progress": {"total": 77, "processed": 40}}))
    assert b'"input_tokens":77' in stream.feed(chunk({"content": "Yes"}))
    assert b'"input_tokens":%d' % ESTIMATE in opened().feed(chunk({"content": "Yes"}))


def test_without_sums() -> None:
    """An engine that counts nothing has its prompt estimated, and its answer counted by events."""
    stream = opened()
    usage = message_in(stream.feed(chunk({"content": "Yes"}) + chunk({}, "stop") + DONE))["usage"]
    assert (ESTIMATE, 1) == (usage["input_tokens"], usage["output_tokens"])
    assert ESTIMATE == whole(answered())["usage"]["input_tokens"]


def test_text_after_a_call() -> None:
    """Follows it: blocks are not woven into each other. Thought does not, and neither does mere space."""
    stream = opened()
    said = [
        chunk(call(0, '{"a"', id="a", name="f")),
        chunk({"content": "so"}),
        chunk({"content": " on"}),
        chunk({"reasoning_content": "hm"}),
        chunk(call(0, ": 1}")),
        chunk(call(1, "", id="b", name="g")),
        chunk({"content": "\n"}, "tool_calls"),
        DONE,
    ]
    message = message_in(b"".join(map(stream.feed, said)))
    assert [("tool_use", {"a": 1}), ("text", "so on"), ("tool_use", {})] == [
        (each["type"], each.get("text") or each.get("input")) for each in message["content"]
    ]


def test_an_empty_message() -> None:
    """Has no blocks."""
    message = message_in(opened().feed(chunk({}, "stop") + USAGE + DONE))
    assert ([], "end_turn") == (message["content"], message["stop_reason"])


@pytest.mark.parametrize(
    ("completion", "reason"),
    [
        (answered("stop"), ("end_turn", None)),
        (answered("stop", stop_reason="END"), ("stop_sequence", "END")),
        (answered("stop", stop_reason=151645), ("end_turn", None)),
        (answered("stop", {"tool_calls": [{"id": "a", "function": {"name": "f"}}]}), ("tool_use", None)),
        (answered("length"), ("max_tokens", None)),
        (answered("content_filter"), ("refusal", None)),
        (answered("eos"), ("end_turn", None)),
    ],
)
def test_reasons(completion: Json, reason: tuple[str, str | None]) -> None:
    """A client would not run the tools of an answer that merely ends; vLLM tells the text at which one stopped."""
    message, choice = whole(completion), completion["choices"][0]
    assert reason == (message["stop_reason"], message["stop_sequence"])
    delta = {name: value for name, value in choice.items() if name != "message"} | {"delta": choice["message"]}
    streamed = message_in(opened().feed(event({"choices": [delta]}) + DONE))
    assert reason == (streamed["stop_reason"], streamed["stop_sequence"])


def test_a_call_without_arguments() -> None:
    """Has an empty object."""
    message = whole(answered("tool_calls", {"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": ""}}]}))
    assert [{"type": "tool_use", "id": "a", "name": "f", "input": {}}] == message["content"]


def test_half_a_call() -> None:
    """Is none where the answer was cut at its limit, and no answer at all elsewhere: no client could run it."""
    said = {"content": "Yes", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": '{"a": '}}]}
    assert ["text"] == [block["type"] for block in whole(answered("length", said))["content"]]
    broken = json.dumps(answered("tool_calls", said)).encode()
    assert "no JSON object" in BETWEEN.response(broken, ASKED).failure
    cut = opened()
    events = cut.feed(chunk(call(0, '{"a', id="a", name="f")) + chunk({}, "length") + DONE)
    assert cut.done
    assert b'"stop_reason":"max_tokens"' in events


def test_the_block_of_a_broken_call_is_not_closed() -> None:
    """A client would run it, or report it as its own mistake."""
    stream = opened()
    events = stream.feed(chunk(call(0, '{"a', id="a", name="f")) + chunk(call(1, "", id="b", name="g")))
    assert stream.failure
    assert b"content_block_start" in events
    assert b"content_block_stop" not in events


def test_a_refusal() -> None:
    """Is read as text, as clients of Anthropic's know no other."""
    assert [{"type": "text", "text": "No."}] == whole(answered("stop", {"refusal": "No."}))["content"]


def test_its_last_error() -> None:
    """Is one of Anthropic's."""
    assert opened().error_event(EngineError("broke")).startswith(b"event: error\n")
