"""Errors in the OpenAI dialect: a message that says what to do, a type, and a code that programs can test for."""

import json
import math

from aiohttp import web

from hostd.dialects.context_errors import is_too_long
from hostd.domain.errors import CapacityError, HostdError, RequestError
from hostd.gateway.request_trace import RequestTrace

_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}


def body(error: HostdError) -> bytes:
    """Return *error* as an OpenAI error object."""
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    param = error.param if isinstance(error, RequestError) else None
    described = {"message": error.message, "type": _TYPES.get(error.status, kind), "param": param, "code": error.code}
    return json.dumps({"error": described}).encode()


def event(error: HostdError) -> bytes:
    """Return *error* as the last event of a stream that had already begun."""
    return b"data: " + body(error) + b"\n\n"


def response(error: HostdError, trace: RequestTrace) -> web.Response:
    """Return *error* as a whole answer.

    Clients retry by themselves on most statuses; what cannot get better by asking again says so (``x-should-retry``).
    """
    headers = trace.headers()
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    elif error.status >= 500:
        headers["x-should-retry"] = "false"
    return web.Response(body=body(error), status=error.status, headers=headers, content_type="application/json")


def of_engine(status: int, payload: bytes) -> HostdError:
    """Return what an engine's own error answer says, in our words where it speaks a dialect of its own."""
    try:
        said = json.loads(payload)["error"]
    except (ValueError, KeyError, TypeError):
        said = None
    return understood(status, said or payload[:500].decode("utf-8", "replace"))


def understood(status: int, said: object) -> HostdError:
    """Return what an engine means that has *said* this, an error object or a text, with a *status*."""
    message, kind, code = said if isinstance(said, str) else json.dumps(said)[:500], "", None
    if isinstance(said, dict) and "message" in said:
        message, kind, code = said["message"], said.get("type", ""), said.get("code")
    message = message or f"the engine refused the request with status {status} and no explanation"
    if is_too_long(status, message, kind, code):
        return RequestError(message, code="context_length_exceeded", param="messages")
    if 400 <= status < 500 and status != 429:
        return RequestError(message, code=code if isinstance(code, str) else "engine_refused", status=status)
    return CapacityError(message, code="engine_failed", retry_after=1.0, status=status)
