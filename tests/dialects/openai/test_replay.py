"""A whole answer, said as a stream, is read as the same answer."""

import json
from typing import Any

import pytest

from hostd.dialects.openai.aggregate import StreamAggregator
from hostd.dialects.openai.replay import as_stream, has_calls

CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
MESSAGES: list[dict[str, Any]] = [
    {"role": "assistant", "content": "Hi"},
    {"role": "assistant", "content": "Hm.", "tool_calls": [CALL, {**CALL, "id": "c2"}]},
    {"role": "assistant", "content": None, "reasoning_content": "So be it.", "tool_calls": [CALL]},
]


def completion(message: dict[str, Any]) -> dict[str, Any]:
    """Return a chat completion."""
    finish = "tool_calls" if "tool_calls" in message else "stop"
    choices = [{"index": 0, "message": message, "finish_reason": finish}]
    return {"id": "1", "object": "chat.completion", "created": 5, "model": "m", "choices": choices, "usage": USAGE}


def read(stream: bytes) -> dict[str, Any]:
    """Return what a client puts together."""
    aggregator = StreamAggregator(name="m")
    aggregator.feed(stream)
    assert aggregator.end()
    document = json.loads(aggregator.answer().body)
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("message", MESSAGES)
def test_says_all_of_it(message: dict[str, Any]) -> None:
    """Text, thoughts, calls, the reason for the end and the sums."""
    assert completion({**message, "content": message["content"] or ""}) == read(as_stream(completion(message)))


def test_says_the_calls_alone() -> None:
    """Where the text has been said before."""
    found = read(as_stream(completion(MESSAGES[1]), calls_only=True))["choices"][0]
    assert ("", ["c1", "c2"]) == (found["message"]["content"], [call["id"] for call in found["message"]["tool_calls"]])


@pytest.mark.parametrize(("message", "calls"), list(zip(MESSAGES, (False, True, True), strict=True)))
def test_knows_whether_there_are_any(message: dict[str, Any], *, calls: bool) -> None:
    """Of an answer without a call, nothing could follow."""
    assert calls is has_calls(completion(message))
