"""Pictures, sound and files that a request names by URL: the engine would fetch them, from wherever the request says.

That lets whoever may ask a model reach what only this machine can, and tells others what is asked: a provider's metadata address, a
service of the owner's network. What comes in the request itself, as a ``data:`` URL, is fetched from nowhere.
"""

from collections.abc import Iterator

import msgspec

from hostd.dialects.request_document import RequestDocument

_SHOWN = 100
"""Bytes of a URL that an error repeats."""
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def remote_url(document: RequestDocument) -> str | None:
    """Return the beginning of the first URL of a part of a message that is no ``data:`` URL; None where there is none."""
    for message in _items(document.raw("messages") or b"[]"):
        for part in _items(_members(message).get("content", b"")):
            for url in _urls(_members(part)):
                # One that is written with escapes is no URL that any client writes.
                if bytes(url[:6]).lower() != b'"data:':
                    return bytes(url[1:_SHOWN]).decode("utf-8", "replace").rstrip('"')
    return None


def _urls(part: dict[str, msgspec.Raw]) -> Iterator[memoryview]:
    """Yield what stands for a URL in a part of a message: `image_url`, or `url` within `image_url`, and their like."""
    for name, value in part.items():
        view = memoryview(value)
        first = bytes(view[:1])
        if name.endswith("url") and first == b'"':
            yield view
        elif first == b"{":
            yield from (memoryview(inner) for key, inner in _members(value).items() if key.endswith("url"))


def _items(text: bytes | msgspec.Raw) -> list[msgspec.Raw]:
    try:
        return _decode_items(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # A content may be a text, and a message anything: the engine refuses what it cannot read.
        return []


def _members(text: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    try:
        return _decode_members(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
