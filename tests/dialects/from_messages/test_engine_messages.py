"""An engine's own messages on their way to a client of the Anthropic dialect."""

import json
from typing import Any

import pytest

from hostd.dialects.base import Dialect
from hostd.dialects.from_messages.engine_messages import EngineMessages, MessageAssembler
from hostd.domain.errors import CapacityError, RequestError
from tests.dialects.answering import context
from tests.dialects.from_messages.test_stream import CLOSED, END, TEXT, WORD, event

ASKED = context(
    Dialect.ANTHROPIC_MESSAGES,
    b'{"model": "asked", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}',
)
SUMS = {"cache_read_input_tokens": 3, "input_tokens": 4, "output_tokens": 0}
BODY = {"id": "chatcmpl-1", "type": "message", "role": "assistant", "content": [], "model": "theirs", "usage": SUMS}
START = event("message_start", message=BODY | {"stop_reason": None, "stop_sequence": None})
NAMED = {"id": "msg_1", "model": "ours"}


def ending(reason: str, at: str | None = None) -> bytes:
    """Return the event that ends a message for *reason*, *at* a stop sequence."""
    return event("message_delta", delta={"stop_reason": reason, "stop_sequence": at}, usage={"output_tokens": 2})


def told(passed: bytes) -> list[Any]:
    """Return the data of the events that were *passed* on."""
    return [json.loads(line[6:]) for line in passed.split(b"\n") if line.startswith(b"data: ")]


def test_a_stream() -> None:
    """Bears hostd's names and all sums at both of its ends, and what is between them is passed on as it is."""
    stream = EngineMessages().stream(ASKED)
    assert b"" == stream.feed(START + TEXT)
    passed = stream.feed(WORD) + stream.feed(CLOSED + ending("end_turn", "help") + END)
    assert TEXT + WORD + CLOSED in passed
    first, *_, last, _ = told(passed)
    assert NAMED == {name: first["message"][name] for name in NAMED}
    assert SUMS | {"cache_creation_input_tokens": 0} == first["message"]["usage"]
    assert {"stop_reason": "stop_sequence", "stop_sequence": "help"} == last["delta"]
    assert (4, 3, 2) == tuple(
        last["usage"][name] for name in ("input_tokens", "cache_read_input_tokens", "output_tokens")
    )
    assert stream.done
    assert (7, 2) == (stream.prompt_tokens, stream.tokens)


def test_a_stream_that_is_cut() -> None:
    """Has no end, unless it has said why it is over."""
    stream = EngineMessages().stream(ASKED)
    stream.feed(START + TEXT + WORD)
    assert stream.end() is None
    stream.feed(ending("max_tokens"))
    assert stream.complete
    assert [{"type": "message_stop"}] == told(stream.end() or b"")


def test_an_error_in_a_stream() -> None:
    """Has the form that the engine's errors have everywhere, under Anthropic's name of the event."""
    stream = EngineMessages().stream(ASKED)
    data = {"code": 500, "message": "out of slots", "type": "server_error"}
    assert b"" == stream.feed(START + f"event: error\ndata: {json.dumps(data)}\n\n".encode())
    assert isinstance(stream.engine_error, CapacityError)
    assert "out of slots" in stream.failure
    assert b'"type": "error"' in stream.error_event(stream.engine_error)


@pytest.mark.parametrize(("reason", "at"), [("end_turn", None), ("end_turn", "x"), ("max_tokens", None)])
def test_a_whole_message(reason: str, at: str | None) -> None:
    """Is the same whether it has come in one piece or is put together from a stream."""
    thought = {"type": "thinking", "thinking": "hm", "signature": ""}
    content = [thought, {"type": "text", "text": "HiHi"}]
    sums = SUMS | {"output_tokens": 2}
    payload = BODY | {"content": content, "stop_reason": reason, "stop_sequence": at, "usage": sums}
    whole = EngineMessages().response(json.dumps(payload).encode(), ASKED)
    assembler = EngineMessages().assembler(ASKED)
    thinks = event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "hm"})
    word = event("content_block_delta", index=1, delta={"type": "text_delta", "text": "Hi"})
    signed = event("content_block_delta", index=0, delta={"type": "signature_delta", "signature": ""})
    for part in (START, thinks, word, word, signed, ending(reason, at), END):
        assembler.feed(part)
    assert isinstance(assembler, MessageAssembler)
    assert assembler.done
    assert assembler.end()
    assert not assembler.failure
    assert json.loads(whole.body) == json.loads(assembler.answer().body)
    said = json.loads(whole.body)
    assert content == said["content"]
    assert ("stop_sequence" if at else reason, at) == (said["stop_reason"], said["stop_sequence"])
    assert (7, 2, "") == (whole.prompt_tokens, whole.tokens, whole.failure)


def test_half_a_message() -> None:
    """Is none, in one piece or put together."""
    assembler = EngineMessages().assembler(ASKED)
    assembler.feed(START + TEXT + WORD)
    assert not assembler.end()
    assert EngineMessages().response(json.dumps(BODY).encode(), ASKED).failure
    assert EngineMessages().response(b"no", ASKED).failure
    broken = EngineMessages().response(b'{"error": {"code": 500, "message": "no slot"}}', ASKED)
    assert isinstance(broken.engine_error, CapacityError)


def test_errors() -> None:
    """Are told as those of chat completions are: the engine has one form for both."""
    said = {"code": 400, "message": "request (9 tokens) exceeds the available context size (5 tokens)"}
    payload = json.dumps({"error": said | {"type": "exceed_context_size_error"}}).encode()
    error = EngineMessages().failure(400, payload)
    assert isinstance(error, RequestError)
    assert "context_length_exceeded" == error.code
