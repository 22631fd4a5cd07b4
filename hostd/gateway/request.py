"""A request is read once: the bytes are kept as they came, and only what routing needs is understood."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from hostd.domain.errors import RequestError
from hostd.domain.principal import Privacy
from hostd.domain.ticket import Requirements
from hostd.domain.units import parse_duration

MAX_BODY_BYTES = 32 * 1024 * 1024
"""Bytes; agents send a hundred kilobytes of tools and a few megabytes of pictures."""

MAX_KEEP_ALIVE = 24 * 3600.0
"""Seconds for which a client may at most ask a model to stay."""

_NOTHING_SPECIAL = Requirements()


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """A request as the gateway understands it.

    *timeout* and *keep_alive* are in seconds, as the client asked; the latter is a hint. *client* is what it calls itself.
    *privacy* is what it asks for this request (``x-hostd-privacy``).
    """

    body: bytes
    document: dict[str, Any]
    asked: str
    stream: bool
    requirements: Requirements
    timeout: float | None
    client: str | None = None
    keep_alive: float | None = None
    privacy: Privacy = Privacy.ANY


async def parse_request(request: web.BaseRequest, *, embeddings: bool = False) -> ParsedRequest:
    """Read *request* and understand as much of it as routing needs.

    Raises:
        RequestError: It is too large, is no JSON object, or names no model.
    """
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise too_large()
    body = await request.read()
    document = _parse(body)
    asked = document.get("model")
    if not isinstance(asked, str) or not asked:
        raise RequestError(
            "the request names no model; set 'model' to a name from GET /v1/models", code="no_model", param="model"
        )
    stream = document.get("stream") or False
    if not isinstance(stream, bool):
        raise RequestError("'stream' must be true or false", code="bad_request", param="stream")
    tools = bool(document.get("tools") or document.get("functions"))
    vision = b'"image_url"' in body and _has_picture(document)
    need = Requirements(embeddings, tools, vision) if embeddings or tools or vision else _NOTHING_SPECIAL
    headers = request.headers
    return ParsedRequest(
        body,
        document,
        asked,
        stream,
        need,
        _timeout(headers),
        headers.get("X-Hostd-Client"),
        _keep_alive(document),
        _privacy(headers),
    )


def too_large() -> RequestError:
    """Return the error for a body over the limit."""
    limit = MAX_BODY_BYTES // (1024 * 1024)
    return RequestError(f"the request body is larger than {limit} MiB", code="request_too_large", status=413)


def _parse(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except RecursionError:
        raise RequestError("the request body is nested too deeply", code="bad_json") from None
    except ValueError as error:
        raise RequestError(f"the request body is not valid JSON: {error}", code="bad_json") from None
    if not isinstance(document, dict):
        raise RequestError("the request body must be a JSON object", code="bad_json")
    return document


def _has_picture(document: dict[str, Any]) -> bool:
    messages = document.get("messages")
    return isinstance(messages, list) and any(
        isinstance(part, dict) and part.get("type") == "image_url"
        for message in messages
        if isinstance(message, dict) and isinstance(message.get("content"), list)
        for part in message["content"]
    )


def _timeout(headers: Mapping[str, str]) -> float | None:
    given = headers.get("X-Hostd-Timeout")
    if given is None:
        return None
    try:
        return float(given) if given.replace(".", "", 1).isdigit() else parse_duration(given)
    except ValueError as error:
        raise RequestError(f"x-hostd-timeout: {error}", code="bad_request", param="x-hostd-timeout") from None


def _privacy(headers: Mapping[str, str]) -> Privacy:
    given = headers.get("X-Hostd-Privacy")
    if given is None:
        return Privacy.ANY
    try:
        return Privacy(given.strip().lower())
    except ValueError:
        # A client that asks for privacy in words that we do not know must not be served without it.
        raise RequestError(
            f"x-hostd-privacy: '{given}' is neither 'local' nor 'any'", code="bad_request", param="x-hostd-privacy"
        ) from None


def _keep_alive(document: dict[str, Any]) -> float | None:
    """Return for how many seconds the client would like the model to stay; None where it says nothing that makes sense.

    Ollama's clients send seconds or text such as ``5m``; anything below zero means for ever, which we take for a day.
    """
    given = document.get("keep_alive")
    if given is None or isinstance(given, bool):
        return None
    try:
        seconds = float(given) if isinstance(given, int | float) else _spoken(str(given))
    except (ValueError, OverflowError):
        return None
    return MAX_KEEP_ALIVE if not 0.0 <= seconds <= MAX_KEEP_ALIVE else seconds


def _spoken(text: str) -> float:
    if text.startswith("-"):
        return -1.0
    return float(text) if text.replace(".", "", 1).isdigit() else parse_duration(text)
