"""Requests in the OpenAI dialect, read as far as routing needs."""

import re
from collections.abc import Mapping
from typing import Any

from hostd.dialects.base import Dialect, InferenceRequest, model_in
from hostd.dialects.byte_search import words_in
from hostd.dialects.openai import bounds
from hostd.dialects.openai.media import remote_url
from hostd.dialects.request_document import RequestDocument
from hostd.domain.ticket import Requirements, Task
from hostd.domain.units import parse_duration

MAX_KEEP_ALIVE = 24 * 3600.0
"""Seconds for which a client may at most ask a model to stay."""

_LONGEST_HINT = 64
"""Bytes of a hint that makes sense."""
# Within a string each quote is escaped, so that this stands for a part of a message, or a value that looks like one.
_PICTURE = re.compile(rb'[{,]\s*"type"\s*:\s*"image_url"')

# A name may be written with escapes, which no client does; \\u00e9 and the like are common in texts, and no part of one.
_ESCAPED_LETTER = re.compile(rb"\\u00[4-7]")

_SIGNS_OF_MEDIA = (b'url"', b"\\u00")
# To look for a member of an enumeration takes as long as a call.
_EMBEDDINGS = Dialect.OPENAI_EMBEDDINGS
_NOTHING_SPECIAL = Requirements()


def parse(dialect: Dialect, body: bytes) -> InferenceRequest:
    """Return the request in *body*.

    Raises:
        RequestError: It is no JSON object, names no model, has a ``stream`` that is no flag, or asks for what is out of bounds.
    """
    document = RequestDocument.parse(body)
    model = model_in(document, "model")
    stream = document.flag("stream") or False
    bounds.check(document)
    embeds = dialect is _EMBEDDINGS
    members = document.texts()
    tools = document.is_true("tools") or document.is_true("functions")
    # Looked for in the messages only where the end of the word occurs, or letters are escaped: they are most of the body.
    names_url, escapes = words_in(body, _SIGNS_OF_MEDIA)
    media = names_url or (escapes and _ESCAPED_LETTER.search(body) is not None)
    vision = media and _PICTURE.search(document.raw("messages") or b"") is not None
    schema = "response_format" in members and b'"json_schema"' in bytes(members["response_format"])
    special = embeds or tools or vision or schema
    needs = _NOTHING_SPECIAL
    if special:
        needs = Requirements(Task.EMBEDDINGS if embeds else Task.TEXT, tools, vision, schema)
    remote = remote_url(document) if media else None
    return InferenceRequest(dialect, document, model, stream, needs, _keep_alive(document), _choices(document), remote)


def asks_for_usage(body: Mapping[str, Any]) -> bool:
    """Return whether the request *body* asks for a stream that ends with its usage."""
    options = body.get("stream_options")
    return isinstance(options, dict) and bool(options.get("include_usage"))


def _choices(document: RequestDocument) -> int:
    """Return how many answers are asked for: ``n`` for each prompt, of which only completions take several."""
    members = document.texts()
    given = document["n"] if "n" in members else 1
    count = given if isinstance(given, int) and given > 0 else 1
    return count * max(1, document.texts_in("prompt")) if "prompt" in members else count


def _keep_alive(document: RequestDocument) -> float | None:
    """Return the seconds for which the client would like the model to stay loaded; None where it says nothing that makes sense.

    Clients of Ollama send seconds or text such as ``5m``; anything below zero means for ever, which is taken for a day.
    """
    raw = document.raw("keep_alive")
    if raw is None or len(raw) > _LONGEST_HINT:
        return None
    given: Any = document["keep_alive"]
    if not isinstance(given, str | int | float) or isinstance(given, bool):
        return None
    try:
        seconds = float(given) if isinstance(given, int | float) else _seconds(given)
    except (ValueError, OverflowError):
        return None
    return MAX_KEEP_ALIVE if not 0.0 <= seconds <= MAX_KEEP_ALIVE else seconds


def _seconds(text: str) -> float:
    if text.startswith("-"):
        return -1.0
    return float(text) if text.replace(".", "", 1).isdigit() else parse_duration(text)
