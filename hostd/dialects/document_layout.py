"""Where a request's members lie in its body, so that one process can read a large body for another that has the bytes, too."""

from collections.abc import Mapping
from typing import NamedTuple

from hostd.dialects.byte_search import position_of
from hostd.dialects.json_text import JsonText
from hostd.dialects.request_document import RequestDocument

ENDS = ("messages",)
"""Lists of which backends want the last item, and no other one."""


class MemberSpan(NamedTuple):
    """Bytes of the body, *end* not among them."""

    start: int
    end: int


class Layout(NamedTuple):
    """Members by name, and the last items of `ENDS`. *whole* says that the document is the body as it came.

    What a dialect has written anew lies nowhere in the body, and stands here itself.
    """

    whole: bool
    members: Mapping[str, MemberSpan | bytes]
    ends: Mapping[str, MemberSpan | bytes | None]


def layout_of(document: RequestDocument, body: bytes) -> Layout:
    """Return where the members of *document*, which was read from *body*, lie in that."""
    members = {name: _place(body, value) for name, value in document.texts().items()}
    ends = {name: document.end_of(name) for name in ENDS if name in document}
    placed = {name: None if value is None else _place(body, value) for name, value in ends.items()}
    return Layout(document.is_written_as(body), members, placed)


def document_of(layout: Layout, body: bytes) -> RequestDocument:
    """Return the document of *layout*; nothing of *body* is copied or looked at."""
    view = memoryview(body)
    members = {name: _text(view, place) for name, place in layout.members.items()}
    ends = {name: None if place is None else _text(view, place) for name, place in layout.ends.items()}
    return RequestDocument(members, body if layout.whole else None, bounded=True, ends=ends)


def _place(body: bytes, text: JsonText) -> MemberSpan | bytes:
    start = position_of(body, text)
    return bytes(text) if start is None else MemberSpan(start, start + memoryview(text).nbytes)


def _text(view: memoryview, place: MemberSpan | bytes) -> JsonText:
    return view[place.start : place.end] if isinstance(place, MemberSpan) else place
