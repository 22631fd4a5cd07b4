"""Requests in the OpenAI dialect, read as far as routing needs."""

from typing import Any

from hostd.dialects.base import Dialect, InferenceRequest
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import RequestError
from hostd.domain.ticket import Requirements
from hostd.domain.units import parse_duration

MAX_KEEP_ALIVE = 24 * 3600.0
"""Seconds for which a client may at most ask a model to stay."""

_NOTHING_SPECIAL = Requirements()


def parse(dialect: Dialect, body: bytes) -> InferenceRequest:
    """Return the request in *body*.

    Raises:
        RequestError: It is no JSON object, names no model, or has a ``stream`` that is no flag.
    """
    document = RequestDocument.parse(body)
    model = document.get("model")
    if not isinstance(model, str) or not model:
        raise RequestError(
            "the request names no model; set 'model' to a name from GET /v1/models", code="no_model", param="model"
        )
    stream = document.get("stream") or False
    if not isinstance(stream, bool):
        raise RequestError("'stream' must be true or false", code="bad_request", param="stream")
    embeddings = dialect is Dialect.OPENAI_EMBEDDINGS
    tools = document.is_true("tools") or document.is_true("functions")
    # Messages are decoded only where the word occurs: they are most of the body.
    vision = b'"image_url"' in body and _has_picture(document)
    needs = Requirements(embeddings, tools, vision) if embeddings or tools or vision else _NOTHING_SPECIAL
    return InferenceRequest(dialect, document, model, stream, needs, _keep_alive(document))


def _has_picture(document: RequestDocument) -> bool:
    messages = document.get("messages")
    return isinstance(messages, list) and any(
        isinstance(part, dict) and part.get("type") == "image_url"
        for message in messages
        if isinstance(message, dict) and isinstance(message.get("content"), list)
        for part in message["content"]
    )


def _keep_alive(document: RequestDocument) -> float | None:
    """Return the seconds for which the client would like the model to stay loaded; None where it says nothing that makes sense.

    Clients of Ollama send seconds or text such as ``5m``; anything below zero means for ever, which is taken for a day.
    """
    given: Any = document.get("keep_alive")
    if given is None or isinstance(given, bool):
        return None
    try:
        seconds = float(given) if isinstance(given, int | float) else _seconds(str(given))
    except (ValueError, OverflowError):
        return None
    return MAX_KEEP_ALIVE if not 0.0 <= seconds <= MAX_KEEP_ALIVE else seconds


def _seconds(text: str) -> float:
    if text.startswith("-"):
        return -1.0
    return float(text) if text.replace(".", "", 1).isdigit() else parse_duration(text)
