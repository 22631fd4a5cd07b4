"""Whole answers, both ways."""

import json

import pytest
from hypothesis import given, settings

from hostd.dialects.translation.answers import (
    UntranslatableAnswer,
    completion_of,
    message_id,
    message_of,
    stop_of,
    usage_of_chat,
    usage_of_message,
)
from tests.dialects.translation.conversations import Json, completions


def answer(finish: str = "stop", usage: Json | None = None, **message: object) -> Json:
    """Return a completion with *message*."""
    return {"id": "chatcmpl-1", "choices": [{"finish_reason": finish, "message": message}], "usage": usage}


@settings(max_examples=50)
@given(completions())
def test_there_and_back_keeps_the_answer(completion: Json) -> None:
    """Text, thought, calls with their arguments, the reason for the end, and the sums."""
    message = message_of(completion, "ours", message_id("req_1"))
    back = completion_of(message, "ours", 5.5)
    said, expected = back["choices"][0], completion["choices"][0]
    assert expected["finish_reason"] == said["finish_reason"]
    assert (expected["message"]["content"] or None) == said["message"]["content"]
    assert expected["message"].get("reasoning_content") == said["message"].get("reasoning_content")
    assert [_plain(call) for call in expected["message"].get("tool_calls", ())] == [
        _plain(call) for call in said["message"].get("tool_calls", ())
    ]
    usage = back["usage"]
    assert completion["usage"] == {name: usage[name] for name in completion["usage"]}
    assert (5, "ours", "msg_1") == (back["created"], back["model"], message["id"])


def _plain(call: Json) -> tuple[str, str, object]:
    return call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])


@pytest.mark.parametrize(
    ("choice", "calls", "reason"),
    [
        ({"finish_reason": "stop"}, False, ("end_turn", None)),
        ({"finish_reason": "stop"}, True, ("tool_use", None)),
        ({"finish_reason": "stop", "stop_reason": "END"}, False, ("stop_sequence", "END")),
        ({"finish_reason": "stop", "stop_reason": 151645}, False, ("end_turn", None)),
        ({"finish_reason": "length"}, True, ("max_tokens", None)),
        ({"finish_reason": "content_filter"}, False, ("refusal", None)),
        ({}, False, ("end_turn", None)),
        ({"finish_reason": "eos"}, False, ("end_turn", None)),
    ],
)
def test_reasons(choice: Json, calls: bool, reason: tuple[str, str | None]) -> None:
    """A client would not run the tools of an answer that merely ends; vLLM tells the text at which one stopped."""
    assert reason == stop_of(choice, calls=calls)


def test_sums() -> None:
    """What was read from the cache is a part of OpenAI's prompt, and none of Anthropic's input."""
    chat = {"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 8}}
    ours = usage_of_chat(chat)
    assert (2, 8, 3) == (ours["input_tokens"], ours["cache_read_input_tokens"], ours["output_tokens"])
    back = usage_of_message(ours | {"cache_creation_input_tokens": 5})
    assert (15, 8, 18) == (back["prompt_tokens"], back["prompt_tokens_details"]["cached_tokens"], back["total_tokens"])
    assert 0 == usage_of_chat(None)["input_tokens"] == usage_of_message("no")["prompt_tokens"]


def test_a_call_without_arguments() -> None:
    """Has an empty object, both ways."""
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
    message = message_of(answer("tool_calls", tool_calls=[call]), "m", "msg_1")
    assert [{"type": "tool_use", "id": "a", "name": "f", "input": {}}] == message["content"]
    assert "{}" == completion_of(message, "m", 0)["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]


def test_half_a_call() -> None:
    """Is none where the answer was cut at its limit, and no answer at all elsewhere: no client could run it."""
    call = {"id": "a", "function": {"name": "f", "arguments": '{"a": '}}
    assert [] == message_of(answer("length", tool_calls=[call]), "m", "msg_1")["content"]
    with pytest.raises(UntranslatableAnswer, match="no JSON object"):
        message_of(answer("tool_calls", tool_calls=[call]), "m", "msg_1")


def test_an_answer_without_a_message() -> None:
    """Is none."""
    with pytest.raises(UntranslatableAnswer, match="without a message"):
        message_of({"choices": [{"text": "Hi"}]}, "m", "msg_1")


def test_a_refusal() -> None:
    """Is read as text, as clients of Anthropic's know no other."""
    assert [{"type": "text", "text": "No."}] == message_of(answer(refusal="No."), "m", "msg_1")["content"]
