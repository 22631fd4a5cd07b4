"""Errors in the OpenAI dialect: ours as clients know them, and an engine's own in our words."""

import json

from hostd.dialects.context_errors import is_too_long
from hostd.dialects.json_text import JsonError, parse_json
from hostd.dialects.openai.events import error_in
from hostd.domain.errors import CapacityError, HostdError, RequestError

_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
_IN_STREAM = "incomplete_answer"
"""The type of what is no fault of the request, as the end of a stream. For what they take for passing (``server_error``,
``rate_limit_error``, ``overloaded_error``, ``api_error``), clients send a request again, some without an end (OpenCode #41848)."""
_MESSAGES = ("message", "detail", "error", "msg")
"""Where error objects have their text."""
_READ = 16 * 1024
"""Characters of an engine's words that are looked at."""
_LONGEST = 500
"""Characters of an engine's words that are passed on; some quote the whole prompt."""


def body(error: HostdError) -> bytes:
    """Return *error* as an error object: a message that says what to do, a type, and a code that programs can test for."""
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    return json.dumps({"error": _object(error, _TYPES.get(error.status, kind))}).encode()


def event(error: HostdError) -> bytes:
    """Return *error* as the last event of a stream that had already begun."""
    return b"data: " + json.dumps({"error": in_stream(error)}).encode() + b"\n\n"


def in_stream(error: HostdError) -> dict[str, str | None]:
    """Return the members of the error object that ends a stream."""
    return _object(
        error, _TYPES.get(error.status, "invalid_request_error") if isinstance(error, RequestError) else _IN_STREAM
    )


def _object(error: HostdError, kind: str) -> dict[str, str | None]:
    param = error.param if isinstance(error, RequestError) else None
    return {"message": error.message, "type": kind, "param": param, "code": error.code}


def of_answer(status: int, payload: bytes) -> HostdError:
    """Return what an engine's error answer of *status* means; a *payload* that is no error object is quoted."""
    try:
        document = parse_json(payload)
    except JsonError:
        document = None
    if isinstance(document, list) and len(document) == 1:
        # Google's servers put the object into a list.
        document = document[0]
    said = error_in(document)
    if said is None and isinstance(document, dict) and "message" in document:
        said = document
    return of_object(status, said or payload[:_READ].decode("utf-8", "replace"))


def of_stream(error: object) -> HostdError:
    """Return what an *error* in the middle of a stream means; without a status of its own the engine is at fault."""
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, str) and len(code) == 3 and code.isdecimal():
        code = int(code)
    return of_object(code if isinstance(code, int) and 400 <= code < 600 else 500, error)


def of_object(status: int, said: object) -> HostdError:
    """Return what an engine means that *said* this, an error object or a text, with *status*."""
    message, kind, code = said, "", None
    if isinstance(said, dict):
        message = next((said[name] for name in _MESSAGES if said.get(name)), "" if "message" in said else said)
        kind, code = said.get("type", ""), said.get("code")
    text = _text(message) or f"the engine refused the request with status {status} and no explanation"
    too_long = is_too_long(status, text, kind, code)
    text = text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
    if too_long:
        return RequestError(text, code="context_length_exceeded", param="messages")
    if 400 <= status < 500 and status != 429:
        return RequestError(text, code=code if isinstance(code, str) else "engine_refused", status=status)
    return CapacityError(text, code="engine_failed", retry_after=1.0, status=status)


def _text(said: object) -> str:
    return (said if isinstance(said, str) else json.dumps(said))[:_READ]
