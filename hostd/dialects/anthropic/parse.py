"""Requests in the Anthropic dialect, read as far as routing needs and checked as far as translating them takes for granted."""

from collections.abc import Iterator, Mapping
from typing import Any

from hostd.dialects.base import Dialect, InferenceRequest, model_in
from hostd.dialects.openai import bounds
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import RequestError
from hostd.domain.ticket import Requirements

Json = dict[str, Any]

_SHOWN = 100
_ROLES = ("user", "assistant", "system")
_WHOLE_NUMBERS = ("max_tokens", "top_k")
_NUMBERS = ("temperature", "top_p")
_LISTS = ("tools", "stop_sequences")


def parse(dialect: Dialect, body: bytes) -> InferenceRequest:
    """Return the request in *body*.

    Raises:
        RequestError: It is no JSON object, names no model, has no sound messages, or asks for what is out of bounds.
    """
    document = RequestDocument.parse(body)
    model = model_in(document, "model")
    stream = document.flag("stream") or False
    bounds.check(document)
    _check_members(document)
    pictures = [block for block in _blocks(document) if block["type"] == "image"]
    needs = Requirements(tools=document.is_true("tools"), vision=bool(pictures))
    return InferenceRequest(dialect, document, model, stream, needs, remote_media=_remote(pictures))


def _check_members(document: RequestDocument) -> None:
    for name in _LISTS:
        if not isinstance(document.get(name) or [], list):
            raise _refuse(name, "must be a list")
    for name in _WHOLE_NUMBERS + _NUMBERS:
        value = document.get(name)
        kinds = int if name in _WHOLE_NUMBERS else int | float
        if value is not None and (isinstance(value, bool) or not isinstance(value, kinds) or value < 0):
            raise _refuse(name, "must be a number that is not negative")
    if not all(isinstance(stop, str) for stop in document.get("stop_sequences") or ()):
        raise _refuse("stop_sequences", "must hold texts")
    _check_content("system", document.get("system") or "")
    messages = document.get("messages")
    if not isinstance(messages, list) or not messages:
        raise _refuse("messages", "must be a list with at least one message")
    for number, message in enumerate(messages):
        where = f"messages.{number}"
        if not isinstance(message, dict):
            raise _refuse(where, "must be an object with a role and content")
        if message.get("role") not in _ROLES:
            raise _refuse(f"{where}.role", "must be user, assistant or system")
        _check_content(f"{where}.content", message.get("content"))


def _check_content(where: str, content: Any) -> None:
    """Return if *content* is a text or a list of blocks.

    Raises:
        RequestError: It is not.
    """
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise _refuse(where, "must be a text or a list of blocks")
    for number, block in enumerate(content):
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise _refuse(f"{where}.{number}", "must be a block: an object with a type")
        if block["type"] == "tool_result" and (inner := block.get("content")) is not None:
            _check_content(f"{where}.{number}.content", inner)


def _blocks(document: RequestDocument) -> Iterator[Json]:
    """Yield the blocks of all messages, and those within the results of tools."""
    for message in document["messages"]:
        for block in message["content"] if isinstance(message["content"], list) else ():
            yield block
            inner = block.get("content") if block["type"] == "tool_result" else None
            if isinstance(inner, list):
                yield from inner


def _remote(pictures: list[Json]) -> str | None:
    """Return the beginning of the first URL from which a picture would be fetched; None where there is none."""
    for picture in pictures:
        source = picture.get("source")
        if isinstance(source, Mapping) and source.get("type") == "url":
            url = str(source.get("url"))
            if not url.lower().startswith("data:"):
                return url[:_SHOWN]
    return None


def _refuse(where: str, why: str) -> RequestError:
    return RequestError(f"{where}: {why}", code="bad_request", param=where)
