"""Errors in the OpenAI dialect: ours as clients know them, and an engine's own in our words."""

import json
from typing import Any

from hostd.dialects.context_errors import is_too_long
from hostd.dialects.request_document import decode
from hostd.domain.errors import CapacityError, HostdError, RequestError

_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}


def body(error: HostdError) -> bytes:
    """Return *error* as an error object: a message that says what to do, a type, and a code that programs can test for."""
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    param = error.param if isinstance(error, RequestError) else None
    described = {"message": error.message, "type": _TYPES.get(error.status, kind), "param": param, "code": error.code}
    return json.dumps({"error": described}).encode()


def event(error: HostdError) -> bytes:
    """Return *error* as the last event of a stream that had already begun."""
    return b"data: " + body(error) + b"\n\n"


def of_answer(status: int, payload: bytes) -> HostdError:
    """Return what an engine's error answer of *status* means; a *payload* that is no error object is quoted."""
    try:
        said = decode(payload)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        said = None
    return of_object(status, said or payload[:500].decode("utf-8", "replace"))


def of_stream(error: dict[str, Any]) -> HostdError:
    """Return what an *error* object in the middle of a stream means; without a status of its own the engine is at fault."""
    code = error.get("code")
    return of_object(code if isinstance(code, int) and 400 <= code < 600 else 500, error)


def of_object(status: int, said: object) -> HostdError:
    """Return what an engine means that *said* this, an error object or a text, with *status*."""
    message, kind, code = said if isinstance(said, str) else json.dumps(said)[:500], "", None
    if isinstance(said, dict) and "message" in said:
        message, kind, code = said["message"], said.get("type", ""), said.get("code")
    message = message or f"the engine refused the request with status {status} and no explanation"
    if is_too_long(status, message, kind, code):
        return RequestError(message, code="context_length_exceeded", param="messages")
    if 400 <= status < 500 and status != 429:
        return RequestError(message, code=code if isinstance(code, str) else "engine_refused", status=status)
    return CapacityError(message, code="engine_failed", retry_after=1.0, status=status)
