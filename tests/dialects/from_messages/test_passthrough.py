"""A provider's stream on its way to a client of the same dialect."""

from typing import Any

import pytest

from hostd.dialects.from_messages.passthrough import MessagePassthrough, for_provider
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import EngineError
from tests.dialects.from_messages.test_stream import CLOSED, END, OVER, PING, START, TEXT, WORD, event


def fed(*events: bytes) -> tuple[MessagePassthrough, bytes]:
    """Return a stream that was fed *events*, and what it passed on."""
    stream = MessagePassthrough("ours")
    return stream, b"".join(map(stream.feed, events))


def test_bytes_are_passed_on() -> None:
    """But for the model's name; pings, too, since some clients count the time between events."""
    start = event("message_start", message={"id": "msg_1", "model": "theirs", "usage": {"input_tokens": 7}})
    model = event("content_block_delta", index=0, delta={"type": "text_delta", "text": '"model": "theirs"'})
    stream, passed = fed(start, TEXT, PING, model, CLOSED, OVER, END)
    assert start.replace(b'"model": "theirs"', b'"model":"ours"') + TEXT + PING + model + CLOSED + OVER + END == passed
    assert stream.done
    assert (7, 2) == (stream.prompt_tokens, stream.tokens)


def test_nothing_is_sent_before_the_answer() -> None:
    """Another target may still give it."""
    stream, passed = fed(START, PING)
    assert b"" == passed
    assert not stream.begun
    assert 1 == stream.signs


def test_ends() -> None:
    """A message that has said why it is over lacks its formal end only; one that has not is none."""
    stream, _ = fed(START, TEXT, WORD, CLOSED, OVER)
    assert END.replace(b": ", b":") == (stream.end() or b"").replace(b": ", b":")
    stream, passed = fed(
        START, TEXT, WORD, event("error", error={"type": "overloaded_error", "message": "Overloaded"}), OVER
    )
    assert stream.end() is None
    assert b"message_delta" not in passed
    assert stream.engine_error is not None
    assert 529 == stream.engine_error.status
    assert stream.error_event(EngineError("x")).startswith(b"event: error")


THOUGHT = {"type": "thinking", "thinking": "hm", "signature": ""}
SIGNED = {"type": "thinking", "thinking": "hm", "signature": "s"}
CALL = {"type": "tool_use", "id": "a", "name": "f", "input": {}}


def sent(*content: Any, **members: Any) -> RequestDocument:
    """Return what the provider is sent for a conversation with the assistant's *content*."""
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": list(content)}]
    return for_provider(RequestDocument.of({"model": "m", "messages": messages} | members))


@pytest.mark.parametrize("kind", ["enabled", "adaptive"])
def test_thoughts_of_other_models_are_left_out(kind: str) -> None:
    """The provider has not signed them; nor can it then be asked for thoughts where each turn must begin with one."""
    found = sent(THOUGHT, SIGNED, CALL, thinking={"type": kind})
    assert [SIGNED, CALL] == found["messages"][1]["content"]
    assert ("thinking" in found) == (kind == "adaptive")
    assert 1 == len(sent(THOUGHT)["messages"])


def test_otherwise_nothing_changes() -> None:
    """The client's own bytes are sent."""
    document = RequestDocument.parse(
        b'{"model": "m",  "messages": [{"role": "user", "content": "\\"signature\\": \\"x"}]}'
    )
    assert for_provider(document) is document
