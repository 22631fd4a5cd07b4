"""What stands between clients and upstreams where one of them speaks the Anthropic dialect."""

import json

import pytest

from hostd.dialects.anthropic.translations import ChatToMessages, MessagesFromChat, MessagesIdentity
from hostd.dialects.base import Dialect
from hostd.domain.errors import Bug
from tests.dialects.answering import BEGAN, context
from tests.dialects.from_chat.chunks import DONE, USAGE, chunk
from tests.dialects.translation.conversations import Json, message_in
from tests.dialects.translation.test_messages_stream import CLOSED, END, OVER, START, TEXT, WORD

ASKED = b'{"model": "asked", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}'
MESSAGES = context(Dialect.ANTHROPIC_MESSAGES, ASKED)
CHAT = context(Dialect.OPENAI_CHAT, ASKED)
COMPLETION = {
    "id": "chatcmpl-9",
    "model": "theirs",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 1},
}
MESSAGE: Json = {
    "id": "msg_9",
    "type": "message",
    "role": "assistant",
    "model": "theirs",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 5, "output_tokens": 1},
}


def test_an_engine_is_asked_for_chat() -> None:
    """Its answer is a message, under the name that the client knows and an id of the request's own."""
    between = MessagesFromChat()
    assert {"model", "messages", "max_tokens"} == set(between.request(MESSAGES.request))
    answer = between.response(json.dumps(COMPLETION).encode(), MESSAGES)
    message = json.loads(answer.body)
    assert ("msg_1", "ours", [{"type": "text", "text": "Hello"}]) == (
        message["id"],
        message["model"],
        message["content"],
    )
    assert (5, 1) == (answer.prompt_tokens, answer.tokens)


def test_an_engine_streams_although_the_client_does_not() -> None:
    """The chunks are put together, and are a message then."""
    between = MessagesFromChat()
    assert between.streamed(between.request(MESSAGES.request))["stream"]
    assembler = between.assembler(MESSAGES)
    for data in (chunk({"content": "Hel"}), chunk({"content": "lo"}), chunk({}, "stop"), USAGE, DONE):
        assembler.feed(data)
    assert assembler.end()
    answer = assembler.answer()
    assert "Hello" == json.loads(answer.body)["content"][0]["text"]
    assert (11, 5) == (answer.prompt_tokens, answer.tokens)


def test_an_engines_stream() -> None:
    """Is the events of a message, whose prompt is estimated at first."""
    stream = MessagesFromChat().stream(MESSAGES)
    events = stream.feed(chunk({"content": "Hello"}))
    assert 0 < message_in(events)["usage"]["input_tokens"] < 12
    assert b"message_stop" in stream.feed(chunk({}, "stop") + DONE)


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b'{"error": {"message": "no", "code": 500}}', "no"),
        (b"{}", "without choices"),
        (json.dumps(COMPLETION | {"choices": [{"finish_reason": "stop"}]}).encode(), "without a message"),
    ],
)
def test_what_is_no_answer_of_an_engines(payload: bytes, why: str) -> None:
    """Says why."""
    assert why in MessagesFromChat().response(payload, MESSAGES).failure


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
    between = ChatToMessages()
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
    for between, asked in ((MessagesIdentity(), MESSAGES), (ChatToMessages(), CHAT)):
        assert why in between.response(payload, asked).failure
        assert 529 == between.failure(529, payload).status


def test_a_provider_is_asked_for_what_its_client_wants() -> None:
    """Its answers are not put together from streams."""
    assert not MessagesIdentity().assembles
    assert MessagesIdentity().streamed(MESSAGES.request.document)["stream"]
    with pytest.raises(Bug):
        MessagesIdentity().assembler(MESSAGES)
