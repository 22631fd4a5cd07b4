"""Errors in the Anthropic dialect: ours as its clients know them, and Anthropic's own in our words.

Source: https://docs.anthropic.com/en/api/errors.
"""

import json
import re
from typing import Any

from hostd.dialects.json_text import JsonError, parse_json
from hostd.dialects.openai import errors as openai_errors
from hostd.domain.errors import HostdError, RequestError

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_STATUSES = {kind: status for status, kind in _TYPES.items()} | {"api_error": 500}
_TOO_LONG = "prompt is too long"
"""Words by which Claude Code knows that it has to compact its conversation."""
_POLICY = re.compile(r"content filtering policy", re.IGNORECASE)
_CREDIT = re.compile(r"credit balance", re.IGNORECASE)


def body(error: HostdError) -> bytes:
    """Return *error* as an error object."""
    return json.dumps(_object(error, _type_of(error.status))).encode()


def event(error: HostdError) -> bytes:
    """Return *error* as the last event of a stream that had already begun.

    What is not the request's fault is an ``api_error`` whatever its status: clients go on asking again what is overloaded.
    """
    kind = _type_of(error.status) if error.status < 500 and error.status != 429 else "api_error"
    return b"event: error\ndata: " + json.dumps(_object(error, kind)).encode() + b"\n\n"


def _type_of(status: int) -> str:
    return _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")


def _object(error: HostdError, kind: str) -> dict[str, Any]:
    message = error.message
    if error.code == "context_length_exceeded" and _TOO_LONG not in message.lower():
        message = f"{_TOO_LONG}: {message}"
    return {"type": "error", "error": {"type": kind, "message": message}}


def of_answer(status: int, payload: bytes) -> HostdError:
    """Return what an error answer of *status* means; a *payload* that is no error object is quoted."""
    try:
        said = parse_json(payload)
    except JsonError:
        said = None
    return _of(status, said["error"]) if _is_error(said) else openai_errors.of_answer(status, payload)


def of_stream(said: object) -> HostdError:
    """Return what an error in the middle of a stream means, by its type where it has one."""
    error = said["error"] if isinstance(said, dict) and _is_error(said) else said
    kind = error.get("type") if isinstance(error, dict) else None
    return _of(_STATUSES.get(str(kind), 500), error)


def _is_error(said: object) -> bool:
    return isinstance(said, dict) and isinstance(said.get("error"), dict)


def _of(status: int, error: Any) -> HostdError:
    found = openai_errors.of_object(status, error)
    if isinstance(found, RequestError):
        if _CREDIT.search(found.message):
            return RequestError(found.message, code="no_credit", status=402)
        if _POLICY.search(found.message):
            return RequestError(found.message, code="content_filter", status=status)
    return found
