"""The clients of the Anthropic dialect, and how engines are asked for them."""

import json

import pytest

from hostd.dialects.anthropic.dialect import CLIENTS, TRANSLATIONS, MessagesFromChat
from hostd.dialects.base import Dialect
from hostd.domain.errors import UnknownModel
from tests.dialects.answering import context
from tests.dialects.conversations import message_in
from tests.dialects.from_chat.chunks import DONE, USAGE, chunk

CLIENT = CLIENTS[Dialect.ANTHROPIC_MESSAGES]
MESSAGES = context(
    Dialect.ANTHROPIC_MESSAGES, b'{"model": "asked", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}'
)
COMPLETION = {
    "id": "chatcmpl-9",
    "model": "theirs",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 1},
}


def test_keep_alives_are_pings() -> None:
    """With the note as a comment, where there is one."""
    assert b': waits\nevent: ping\ndata: {"type":"ping"}\n\n' == CLIENT.keep_alive("waits")
    assert CLIENT.keep_alive("waits").endswith(CLIENT.idle_event())


def test_errors() -> None:
    """Have Anthropic's shape, whole and in a stream."""
    error = UnknownModel("m", (), ())
    assert "not_found_error" == json.loads(CLIENT.error(error))["error"]["type"]
    assert CLIENT.error_event(error).startswith(b"event: error\ndata: ")


def test_each_translation_speaks_what_it_is_found_by() -> None:
    """The second of its names."""
    assert all(spoken is translation.spoken for (_, spoken), translation in TRANSLATIONS.items())


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
