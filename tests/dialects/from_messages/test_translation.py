"""What stands between clients and providers that speak the Anthropic dialect."""

import json

import pytest

from hostd.dialects.base import Dialect
from hostd.dialects.from_messages.translation import TRANSLATIONS, ChatFromMessages, MessagesIdentity
from hostd.domain.errors import Bug
from tests.dialects.answering import BEGAN, context
from tests.dialects.conversations import Json
from tests.dialects.from_messages.test_stream import CLOSED, END, OVER, START, TEXT, WORD

ASKED = b'{"model": "asked", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}'
MESSAGES = context(Dialect.ANTHROPIC_MESSAGES, ASKED)
CHAT = context(Dialect.OPENAI_CHAT, ASKED)
MESSAGE: Json = {
    "id": "msg_9",
    "type": "message",
    "role": "assistant",
    "model": "theirs",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 5, "output_tokens": 1},
}


def test_a_provider_is_passed_through() -> None:
    """Request and answer, the model's name apart."""
    between = MessagesIdentity()
    assert MESSAGES.request.document is between.request(MESSAGES.request)
    answer = between.response(json.dumps(MESSAGE).encode(), MESSAGES)
    assert MESSAGE | {"model": "ours"} == json.loads(answer.body)
    assert (5, 1) == (answer.prompt_tokens, answer.tokens)
    stream = between.stream(MESSAGES)
    assert b"".join(map(stream.feed, (START, TEXT, WORD, CLOSED, OVER, END))).endswith(END)


def test_a_client_of_chat_before_a_provider() -> None:
    """Reads a completion, made when it was."""
    between = ChatFromMessages()
    assert [{"type": "text", "text": "Hi"}] == between.request(CHAT.request)["messages"][0]["content"]
    answer = between.response(json.dumps(MESSAGE).encode(), CHAT)
    completion = json.loads(answer.body)
    assert ("ours", "Hello") == (completion["model"], completion["choices"][0]["message"]["content"])
    assert completion["created"] >= BEGAN
    assert (5, 1) == (answer.prompt_tokens, answer.tokens)
    stream = between.stream(CHAT, passes_sums=False)
    assert b"[DONE]" in b"".join(map(stream.feed, (START, TEXT, WORD, CLOSED, OVER, END)))


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"<html>", "no JSON object"),
        (b"{}", "without content"),
        (json.dumps(MESSAGE | {"stop_reason": None}).encode(), "without a reason"),
        (b'{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}', "Overloaded"),
    ],
)
def test_what_is_no_answer_of_a_providers(payload: bytes, why: str) -> None:
    """Says why, whoever asked."""
    for between, asked in ((MessagesIdentity(), MESSAGES), (ChatFromMessages(), CHAT)):
        assert why in between.response(payload, asked).failure
        assert 529 == between.failure(529, payload).status


def test_a_provider_is_asked_for_what_its_client_wants() -> None:
    """Its answers are not put together from streams."""
    assert not MessagesIdentity().assembles
    assert MessagesIdentity().streamed(MESSAGES.request.document)["stream"]
    with pytest.raises(Bug):
        MessagesIdentity().assembler(MESSAGES)


def test_each_translation_speaks_what_it_is_found_by() -> None:
    """The second of its names."""
    assert all(spoken is translation.spoken for (_, spoken), translation in TRANSLATIONS.items())
