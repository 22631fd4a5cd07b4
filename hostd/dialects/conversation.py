"""Which conversation a request continues: the client's session, its instructions and its first message, as digests.

A session alone would not do: agents' programs send side questions, and those of their subagents, under the same one. Of each text
only the beginning counts, and no more of a body is decoded than its first messages. How a client marks the same text from turn to
turn (``cache_control``, parts or one text) makes no difference.
"""

from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import TypeVar

import msgspec

from hostd.dialects.json_text import JsonText
from hostd.dialects.request_document import RequestDocument
from hostd.domain.conversation import UNKNOWN, ConversationId
from hostd.domain.principal import Principal

_MOST = 4 * 1024 * 1024
"""Bytes of the messages that are looked at, in some milliseconds; longer ones have filled any context."""
_TEXT = 8192
"""Bytes of a text that count."""
_MOST_MESSAGES = 16
_INSTRUCTIONS = ("system", "instructions")
_LISTS = ("messages", "input")
_BILLING = b"x-anthropic-billing-header:"
"""A block of Claude Code's instructions that may change with each request."""

_Found = TypeVar("_Found")


class _Message(msgspec.Struct):
    role: str = ""
    content: msgspec.Raw = msgspec.Raw(b"")


class _Part(msgspec.Struct):
    text: msgspec.Raw = msgspec.Raw(b"")


_decode_message = msgspec.json.Decoder(_Message).decode
_decode_part = msgspec.json.Decoder(_Part).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def conversation_of(principal: Principal, session: str | None, document: RequestDocument) -> ConversationId:
    """Return the conversation that the request *document* of *principal* in *session* continues."""
    instructions, first = _beginning(document)
    if not instructions and not first:
        return UNKNOWN
    preamble = blake2b(digest_size=16)
    for text in (principal.kind.value.encode(), (principal.client or "").encode("utf-8", "replace"), *instructions):
        _add(preamble, text)
    key = preamble.copy()
    for text in ((session or "").encode("utf-8", "replace"), *first):
        _add(key, text)
    return ConversationId(key.hexdigest(), preamble.hexdigest() if instructions else "")


def _add(digest: "blake2b", text: bytes) -> None:
    digest.update(b"%d:" % len(text))
    digest.update(text)


def _beginning(document: RequestDocument) -> tuple[list[bytes], list[bytes]]:
    """Return the texts of the instructions, and those of the first message that is none."""
    instructions = [text for name in _INSTRUCTIONS for text in _texts_of(document, name)]
    for name in _LISTS:
        if name in document:
            said, first = _of_messages(document, name)
            return instructions + said, first
    return instructions, list(_texts_of(document, "prompt"))


def _of_messages(document: RequestDocument, name: str) -> tuple[list[bytes], list[bytes]]:
    messages = document.beginning_of(name, _MOST_MESSAGES) if document.size_of(name) <= _MOST else []
    if messages is None:
        return [], list(_texts_of(document, name))
    instructions: list[bytes] = []
    for each in messages:
        message = _read(_decode_message, each)
        texts = list(_texts(each if message is None else message.content))
        if message is None or message.role not in ("system", "developer"):
            return instructions, texts
        instructions += texts
    return instructions, []


def _texts_of(document: RequestDocument, name: str) -> Iterator[bytes]:
    if 0 < document.size_of(name) <= _MOST:
        yield from _texts(document.texts()[name])


def _texts(content: JsonText) -> Iterator[bytes]:
    """Yield the beginnings of the texts in the *content* of a message, or of instructions, as they are written in JSON."""
    kind = bytes(memoryview(content)[:1])
    if kind == b'"':
        text = bytes(memoryview(content)[1 : _TEXT + 1]).removesuffix(b'"')
        if text and not text.startswith(_BILLING):
            yield text
    elif kind == b"[":
        for part in (_read(_decode_list, content) or [])[:_MOST_MESSAGES]:
            yield from _texts(part)
    elif kind == b"{" and (block := _read(_decode_part, content)) is not None:
        yield from _texts(block.text)


def _read(decode: Callable[[JsonText], _Found], text: JsonText) -> _Found | None:
    try:
        return decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
