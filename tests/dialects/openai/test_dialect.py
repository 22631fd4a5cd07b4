"""What stands between a client and an engine that both speak OpenAI."""

import json

import pytest

from hostd.dialects.base import Dialect
from hostd.dialects.openai.dialect import PATHS, OpenAiClient, OpenAiIdentity
from hostd.domain.errors import EngineError, RequestError
from tests.dialects.answering import context


def test_passes_a_whole_answer_on() -> None:
    """The engine's own bytes, but for the name of the model; its sums are read."""
    payload = (
        b'{"model": "theirs", "choices": [ {"text": "a"} ], "usage": {"prompt_tokens": 3, "completion_tokens": 5}}'
    )
    answer = OpenAiIdentity(Dialect.OPENAI_CHAT).response(payload, context(Dialect.OPENAI_CHAT))
    assert (payload.replace(b'"model": "theirs"', b'"model":"ours"'), 3, 5, "", None) == answer


@pytest.mark.parametrize(
    ("payload", "why"),
    [(b"<html>", "no JSON object"), (b'{"choices": [{"finish_reason": "abort"}]}', "gave the answer up")],
)
def test_takes_no_other_bytes_for_an_answer(payload: bytes, why: str) -> None:
    """Status 200 or not."""
    assert why in OpenAiIdentity(Dialect.OPENAI_CHAT).response(payload, context(Dialect.OPENAI_CHAT)).failure


def test_an_error_may_come_with_status_200() -> None:
    """It means what it says."""
    answer = OpenAiIdentity(Dialect.OPENAI_CHAT).response(
        b'{"error": {"message": "no luck", "code": 422}}', context(Dialect.OPENAI_CHAT)
    )
    assert isinstance(answer.engine_error, RequestError)
    assert (422, "no luck") == (answer.engine_error.status, answer.engine_error.message)


def test_vectors_are_never_streamed() -> None:
    """So they cannot be assembled from a stream."""
    assert {True, False} == {OpenAiIdentity(dialect).assembles for dialect in PATHS}
    assert not OpenAiIdentity(Dialect.OPENAI_EMBEDDINGS).assembles


def test_answers_a_client() -> None:
    """Errors as objects or as events, and notes as comments."""
    client, error = OpenAiClient(Dialect.OPENAI_CHAT), EngineError("it is down")
    assert "it is down" == json.loads(client.error(error))["error"]["message"]
    event = json.loads(client.error_event(error).removeprefix(b"data: "))["error"]
    assert ("it is down", "incomplete_answer") == (event["message"], event["type"])
    assert b": waiting\n" == client.keep_alive("waiting")


@pytest.mark.parametrize(
    ("dialect", "kind"),
    [(Dialect.OPENAI_CHAT, "chat.completion.chunk"), (Dialect.OPENAI_COMPLETIONS, "text_completion")],
)
def test_an_event_without_content_is_a_chunk_without_choices(dialect: Dialect, kind: str) -> None:
    """Clients that count the time between events are given one that they know already."""
    event = OpenAiClient(dialect).idle_event()
    assert event.startswith(b"data: ")
    assert event.endswith(b"\n\n")
    chunk = json.loads(event.removeprefix(b"data: "))
    assert (kind, []) == (chunk["object"], chunk["choices"])
