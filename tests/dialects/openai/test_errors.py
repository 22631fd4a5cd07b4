"""Errors have the shape that OpenAI's clients know, and those of engines are understood."""

import json
from typing import Any

import pytest

from hostd.dialects.openai import errors
from hostd.domain.errors import CapacityError, EngineError, HostdError, RequestError, UnknownModel


def described(error: HostdError) -> dict[str, Any]:
    """Return the error object of *error*."""
    document = json.loads(errors.body(error))
    assert ["error"] == list(document)
    assert isinstance(document["error"], dict)
    return document["error"]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RequestError("m", code="c"), "invalid_request_error"),
        (RequestError("m", code="c", status=403), "permission_error"),
        (UnknownModel("m", (), ()), "not_found_error"),
        (CapacityError("m", code="c", retry_after=1, status=429), "rate_limit_error"),
        (CapacityError("m", code="c", retry_after=1), "server_error"),
        (EngineError("m"), "server_error"),
    ],
)
def test_gives_each_status_its_type(error: HostdError, kind: str) -> None:
    """Message, type, param and code are always there."""
    object_ = described(error)
    assert {"message", "type", "param", "code"} == set(object_)
    assert (kind, error.code) == (object_["type"], object_["code"])


def test_names_the_parameter() -> None:
    """A wrong parameter is named."""
    assert "model" == described(UnknownModel("x", (), ()))["param"]


def test_ends_a_stream() -> None:
    """As an event an error is one line of data."""
    event = errors.event(RequestError("two\nlines", code="c"))
    assert event.startswith(b"data: {")
    assert (event.count(b"\n"), True) == (2, event.endswith(b"}\n\n"))


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 529])
def test_ends_a_stream_with_what_no_client_repeats(status: int) -> None:
    """A type that clients take for passing would have some of them ask again without an end; a request's own fault stays one."""
    error = CapacityError("m", code="c", retry_after=1, status=status)
    assert '"type": "incomplete_answer"' in errors.event(error).decode()
    assert b'"invalid_request_error"' in errors.event(RequestError("m", code="context_length_exceeded"))


def engine_said(status: int, **error: object) -> HostdError:
    """Return what becomes of an engine's error answer."""
    return errors.of_answer(status, json.dumps({"error": error}).encode())


def test_understands_a_context_that_is_too_short() -> None:
    """llama-server's own words become those that clients test for."""
    error = engine_said(400, message="too long", type="exceed_context_size_error", code=400)
    assert ("context_length_exceeded", 400) == (error.code, error.status)
    assert "context_length_exceeded" == engine_said(400, message="m", code="context_length_exceeded").code


def test_understands_each_engines_words_for_that() -> None:
    """Of vLLM there is no word for programs, and some have a text for an error."""
    said = "This model's maximum context length is 512 tokens. However, your prompt contains at least 513 input tokens"
    assert "context_length_exceeded" == engine_said(400, message=said, type="BadRequestError", code=400).code
    error = errors.of_answer(400, json.dumps({"error": "max_tokens must be at least 1"}).encode())
    assert ("engine_refused", "max_tokens must be at least 1") == (error.code, error.message)


def test_passes_the_clients_mistakes_on() -> None:
    """A status below 500 is the client's to mend, with the engine's message."""
    error = engine_said(422, message="no such tool", type="invalid_request_error", code=422)
    assert (422, "no such tool", "engine_refused") == (error.status, error.message, error.code)


@pytest.mark.parametrize("payload", [b"<html>oops", b"[]", b'{"error": {}}', b"\xff"])
def test_lives_with_any_payload(payload: bytes) -> None:
    """What is no error object is quoted as it is."""
    error = errors.of_answer(502, payload)
    assert isinstance(error, CapacityError)
    assert payload.decode("utf-8", "replace") == error.message


def test_never_says_nothing() -> None:
    """An engine that refuses without a word is quoted with its status."""
    assert "status 502" in errors.of_answer(502, b"").message


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        ({"code": 400, "message": "m", "type": "exceed_context_size_error"}, 400, "context_length_exceeded"),
        ({"code": 422, "message": "m"}, 422, "engine_refused"),
        ({"code": 500, "message": "m"}, 500, "engine_failed"),
        ({"code": "overloaded", "message": "m"}, 500, "engine_failed"),
        ({"code": 200}, 500, "engine_failed"),
        ({}, 500, "engine_failed"),
    ],
    ids=str,
)
def test_an_error_in_a_stream_means_what_it_says(error: dict[str, object], status: int, code: str) -> None:
    """Its code is the status that it would have come with; without one it is the engine's fault."""
    found = errors.of_stream(error)
    assert (status, code) == (found.status, found.code)


def test_an_error_in_a_list_is_one() -> None:
    """Google's servers send it so."""
    found = errors.of_answer(429, b'[{"error": {"code": 429, "message": "quota", "status": "RESOURCE_EXHAUSTED"}}]')
    assert (429, "quota") == (found.status, found.message)
