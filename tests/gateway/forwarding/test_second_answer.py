"""A second answer takes the place of the first, or goes on with its calls."""

import json
from typing import Any

import pytest

from hostd.dialects import registry
from hostd.dialects.base import Dialect, StreamTranslator, Translation
from hostd.dialects.openai.tool_calls import ToolCallStream
from hostd.domain.profile import Repair
from hostd.gateway.forwarding.second_answer import SecondAnswer, may_go_on, with_tool_calls
from tests.dialects.answering import context

CONTEXT = context(Dialect.OPENAI_CHAT)
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
TEXT = b'data: {"choices":[{"index":0,"delta":{"content":"Hm."},"finish_reason":null}]}\n\n'


def payload(**message: Any) -> bytes:
    """Return a chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "tool_calls"}
    return json.dumps({"id": "1", "model": "theirs", "choices": [choice], "usage": {"completion_tokens": 3}}).encode()


@pytest.fixture
def translation() -> Translation:
    """Between a client and an engine that both speak OpenAI."""
    found = registry.translation(Dialect.OPENAI_CHAT, {Dialect.OPENAI_CHAT: "/"})
    assert found is not None
    return found


def begun(translation: Translation, repair: Repair) -> StreamTranslator:
    """Return a stream of which some text has been given out."""
    stream = with_tool_calls(translation.stream(CONTEXT), translation, repair)
    assert TEXT == stream.feed(TEXT)
    return stream


def test_says_all_of_an_answer(translation: Translation) -> None:
    """Under the name that the client knows; the usage only where it was asked for."""
    events, translator = SecondAnswer(payload(content="Hi", tool_calls=[CALL]), None).events(translation, CONTEXT)
    assert (True, 3) == (translator.done, translator.tokens)
    assert b'"Hi"' in events
    assert b'"c1"' in events
    assert b"theirs" not in events
    assert b"usage" not in events
    assert events.endswith(b"data: [DONE]\n\n")


def test_goes_on_with_the_calls(translation: Translation) -> None:
    """The text has been read by then; without a call there is nothing to go on with."""
    first = begun(translation, Repair.TOOL_CALLS)
    events, translator = SecondAnswer(payload(content="Hi", tool_calls=[CALL]), first).events(translation, CONTEXT)
    assert (True, False, True) == (translator.done, b'"Hi"' in events, b'"c1"' in events)
    first = begun(translation, Repair.TOOL_CALLS)
    events, translator = SecondAnswer(payload(content="Hi"), first).events(translation, CONTEXT)
    assert (b"", False) == (events, translator.done)


def test_only_a_stream_whose_calls_wait_may_go_on(translation: Translation) -> None:
    """Of another one, parts of calls may have been sent."""
    asked = CONTEXT.request
    assert may_go_on(begun(translation, Repair.TOOL_CALLS), asked)
    assert not may_go_on(begun(translation, Repair.OFF), asked)
    assert not may_go_on(begun(translation, Repair.TOOL_CALLS), asked._replace(choices=2))


def test_other_streams_are_left_alone() -> None:
    """Those of completions have no calls."""
    found = registry.translation(Dialect.OPENAI_COMPLETIONS, {Dialect.OPENAI_COMPLETIONS: "/"})
    assert found is not None
    assert not isinstance(with_tool_calls(found.stream(CONTEXT), found, Repair.TOOL_CALLS), ToolCallStream)
