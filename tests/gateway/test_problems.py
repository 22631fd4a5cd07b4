"""Errors have the shape that OpenAI's clients know, and tell them whether to come back."""

import json
from typing import Any

import pytest

from hostd.domain.errors import Bug, CapacityError, EngineError, HostdError, RequestError, UnknownModel
from hostd.gateway import problems
from hostd.gateway.request_trace import RequestTrace


def described(error: HostdError) -> dict[str, Any]:
    """Return the error object of *error*."""
    document = json.loads(problems.body(error))
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


def test_says_when_to_come_back() -> None:
    """Retry-After is in whole seconds, never less than it takes."""
    response = problems.response(CapacityError("m", code="c", retry_after=1.2), RequestTrace("r"))
    assert (503, "2", "r") == (response.status, response.headers["Retry-After"], response.headers["x-request-id"])


@pytest.mark.parametrize("error", [EngineError("m"), Bug("m")])
def test_says_when_not_to_come_back(error: HostdError) -> None:
    """What cannot get better by asking again says so."""
    assert "false" == problems.response(error, RequestTrace("r")).headers["x-should-retry"]


def test_ends_a_stream() -> None:
    """As an event an error is one line of data."""
    event = problems.event(RequestError("two\nlines", code="c"))
    assert event.startswith(b"data: {")
    assert (event.count(b"\n"), True) == (2, event.endswith(b"}\n\n"))


def engine_said(status: int, **error: object) -> HostdError:
    """Return what becomes of an engine's error answer."""
    return problems.of_engine(status, json.dumps({"error": error}).encode())


def test_understands_a_context_that_is_too_short() -> None:
    """llama-server's own words become those that clients test for."""
    error = engine_said(400, message="too long", type="exceed_context_size_error", code=400)
    assert ("context_length_exceeded", 400) == (error.code, error.status)
    assert "context_length_exceeded" == engine_said(400, message="m", code="context_length_exceeded").code


def test_understands_each_engines_words_for_that() -> None:
    """Of vLLM there is no word for programs, and some have a text for an error."""
    said = "This model's maximum context length is 512 tokens. However, your prompt contains at least 513 input tokens"
    assert "context_length_exceeded" == engine_said(400, message=said, type="BadRequestError", code=400).code
    error = problems.of_engine(400, json.dumps({"error": "max_tokens must be at least 1"}).encode())
    assert ("engine_refused", "max_tokens must be at least 1") == (error.code, error.message)


def test_passes_the_clients_mistakes_on() -> None:
    """A status below 500 is the client's to mend, with the engine's message."""
    error = engine_said(422, message="no such tool", type="invalid_request_error", code=422)
    assert (422, "no such tool", "engine_refused") == (error.status, error.message, error.code)


@pytest.mark.parametrize("payload", [b"<html>oops", b"[]", b'{"error": {}}', b"\xff"])
def test_lives_with_any_payload(payload: bytes) -> None:
    """What is no error object is quoted as it is."""
    error = problems.of_engine(502, payload)
    assert isinstance(error, CapacityError)
    assert payload.decode("utf-8", "replace") == error.message


def test_never_says_nothing() -> None:
    """An engine that refuses without a word is quoted with its status."""
    assert "status 502" in problems.of_engine(502, b"").message
