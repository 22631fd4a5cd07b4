"""A client of any dialect is answered by a provider that speaks Anthropic's alone."""

import json
from typing import Any

import pytest

from hostd.dialects import registry
from hostd.dialects.base import AnswerContext, Dialect
from hostd.dialects.from_chat.chained import ChainedTranslation
from hostd.domain.errors import EngineError
from tests.dialects.answering import context

MESSAGE = {
    "id": "msg_7",
    "type": "message",
    "role": "assistant",
    "content": [{"type": "text", "text": "Hello"}, {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}],
    "stop_reason": "tool_use",
    "usage": {"input_tokens": 9, "output_tokens": 4},
}
ASKED: dict[Dialect, dict[str, Any]] = {
    Dialect.OPENAI_RESPONSES: {"instructions": "Be brief.", "input": "a"},
    Dialect.OLLAMA_CHAT: {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "a"}]},
    Dialect.OLLAMA_GENERATE: {"system": "Be brief.", "prompt": "a"},
}


def event(kind: str, **members: Any) -> bytes:
    """Return an event as Anthropic sends it."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n".encode()


BEGUN = event("message_start", message=MESSAGE | {"content": [], "stop_reason": None}) + event(
    "content_block_start", index=0, content_block={"type": "text", "text": ""}
)
TEXT = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hello"})
END = b"".join(
    [
        event("content_block_stop", index=0),
        event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 4}),
        event("message_stop"),
    ]
)


def chained(dialect: Dialect) -> tuple[ChainedTranslation, AnswerContext]:
    """Return what stands between clients of *dialect* and the provider, and what an answer is made for."""
    found = registry.translation(dialect, [Dialect.ANTHROPIC_MESSAGES])
    assert isinstance(found, ChainedTranslation)
    return found, context(dialect, json.dumps({"model": "asked", **ASKED[dialect]}).encode())


@pytest.mark.parametrize("dialect", ASKED)
def test_a_request_and_its_answer_go_through_both(dialect: Dialect) -> None:
    """The provider is asked in its own words, and the client answered in those of its own."""
    translation, ctx = chained(dialect)
    asked = translation.request(ctx.request)
    assert "Be brief." in json.dumps(asked["system"])
    assert ["user"] == [message["role"] for message in asked["messages"]]
    answer = translation.response(json.dumps(MESSAGE).encode(), ctx)
    assert ("", 9, 4) == (answer.failure, *answer[1:3])
    assert b"Hello" in answer.body
    assert translation.response(b"{}", ctx).failure
    assert translation.failure(500, b"{}").message


@pytest.mark.parametrize("dialect", ASKED)
def test_a_stream_goes_through_both(dialect: Dialect) -> None:
    """With its sums; one that is cut is not whole."""
    translation, ctx = chained(dialect)
    whole = translation.stream(ctx)
    said = b"".join(map(whole.feed, (BEGUN, TEXT, END)))
    assert (True, "", 9, 4) == (whole.done, whole.failure, whole.prompt_tokens, whole.tokens)
    assert b"Hello" in said
    cut = translation.stream(ctx)
    assert cut.feed(BEGUN + TEXT)
    assert (True, False, False, None) == (cut.begun, cut.done, cut.complete, cut.end())
    assert b"died" in cut.error_event(EngineError("died"))


def test_what_is_no_chat_has_no_such_way() -> None:
    """Vectors, and texts without a template."""
    for dialect in (Dialect.OLLAMA_EMBED, Dialect.OLLAMA_RAW):
        assert registry.translation(dialect, [Dialect.ANTHROPIC_MESSAGES]) is None
