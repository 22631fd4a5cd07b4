"""Errors in the Anthropic dialect, both ways."""

import json

import pytest

from hostd.dialects.anthropic import errors
from hostd.domain.errors import CapacityError, EngineError, HostdError, RequestError, UnknownModel


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RequestError("no", code="bad_request"), "invalid_request_error"),
        (RequestError("no", code="wrong_method", status=405), "invalid_request_error"),
        (RequestError("no", code="privacy", status=403), "permission_error"),
        (RequestError("no", code="request_too_large", status=413), "request_too_large"),
        (UnknownModel("m", (), ()), "not_found_error"),
        (CapacityError("no", code="queue_full", status=429, retry_after=1), "rate_limit_error"),
        (CapacityError("no", code="unavailable", retry_after=1), "overloaded_error"),
        (CapacityError("no", code="timeout", status=504, retry_after=1), "timeout_error"),
        (EngineError("no"), "api_error"),
    ],
)
def test_the_shape(error: HostdError, kind: str) -> None:
    """Its type follows from the status, as Anthropic's own."""
    assert {"type": "error", "error": {"type": kind, "message": error.message}} == json.loads(errors.body(error))


def test_a_prompt_that_is_too_long() -> None:
    """Says so in the words by which Claude Code compacts its conversation."""
    error = RequestError("9 tokens, and there is room for 8", code="context_length_exceeded")
    assert json.loads(errors.body(error))["error"]["message"].startswith("prompt is too long: 9 tokens")


@pytest.mark.parametrize("error", [CapacityError("no", code="unavailable", retry_after=1), EngineError("no")])
def test_an_event_is_of_no_kind_that_is_asked_again_and_again(error: HostdError) -> None:
    """Whatever the status would have been."""
    name, data = errors.event(error).strip().split(b"\n")
    assert b"event: error" == name
    assert "api_error" == json.loads(data.removeprefix(b"data: "))["error"]["type"]


def said(status: int, kind: str, message: str) -> HostdError:
    """Return what Anthropic's error means."""
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    return errors.of_answer(status, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("status", "kind", "message", "found"),
    [
        (400, "invalid_request_error", "max_tokens: required", (RequestError, 400, "engine_refused")),
        (
            400,
            "invalid_request_error",
            "prompt is too long: 9 tokens > 8 maximum",
            (RequestError, 400, "context_length_exceeded"),
        ),
        (
            400,
            "invalid_request_error",
            "Output blocked by content filtering policy",
            (RequestError, 400, "content_filter"),
        ),
        (400, "invalid_request_error", "Your credit balance is too low", (RequestError, 402, "no_credit")),
        (401, "authentication_error", "invalid x-api-key", (RequestError, 401, "engine_refused")),
        (429, "rate_limit_error", "slow down", (CapacityError, 429, "engine_failed")),
        (529, "overloaded_error", "Overloaded", (CapacityError, 529, "engine_failed")),
    ],
)
def test_what_anthropic_means(status: int, kind: str, message: str, found: tuple[type, int, str]) -> None:
    """By its status, and by words where those say more."""
    error = said(status, kind, message)
    assert found == (type(error), error.status, error.code)
    assert message == error.message


def test_an_error_in_a_stream_has_its_status_by_its_type() -> None:
    """One of no type that is known is the provider's own."""
    assert 529 == errors.of_stream({"type": "error", "error": {"type": "overloaded_error", "message": "m"}}).status
    assert 500 == errors.of_stream({"type": "error", "error": {"type": "new", "message": "m"}}).status
    assert 500 == errors.of_stream({"type": "error"}).status


def test_what_is_no_error_object() -> None:
    """Is quoted: a proxy's page, for one."""
    assert "Bad gateway" in errors.of_answer(502, b"Bad gateway").message
