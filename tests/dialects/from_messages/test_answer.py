"""A whole message as a chat completion."""

import json

from hypothesis import given, settings

from hostd.dialects.anthropic.dialect import MessagesFromChat
from hostd.dialects.base import Dialect
from hostd.dialects.from_messages.answer import completion_of, usage_of_message
from tests.dialects.answering import context
from tests.dialects.conversations import Json, completions

ASKED = context(Dialect.ANTHROPIC_MESSAGES, b'{"model": "asked", "messages": [{"role": "user", "content": "Hi"}]}')


@settings(max_examples=50)
@given(completions())
def test_there_and_back_keeps_the_answer(completion: Json) -> None:
    """Text, thought, calls with their arguments, the reason for the end, and the sums."""
    message = json.loads(MessagesFromChat().response(json.dumps(completion).encode(), ASKED).body)
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
    assert (5, "ours", "chatcmpl-1") == (back["created"], back["model"], back["id"])


def _plain(call: Json) -> tuple[str, str, object]:
    return call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])


def test_sums() -> None:
    """What was read from the cache, and written to it, is a part of OpenAI's prompt."""
    usage = usage_of_message(
        {"input_tokens": 2, "cache_read_input_tokens": 8, "cache_creation_input_tokens": 5, "output_tokens": 3}
    )
    assert (15, 8, 18) == (
        usage["prompt_tokens"],
        usage["prompt_tokens_details"]["cached_tokens"],
        usage["total_tokens"],
    )
    assert 0 == usage_of_message("no")["prompt_tokens"]


def test_a_call_without_arguments() -> None:
    """Has an empty object, as a text."""
    message = {"content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]}
    assert "{}" == completion_of(message, "m", 0)["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
