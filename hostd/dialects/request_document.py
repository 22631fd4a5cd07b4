"""The JSON object of a request: its bytes are kept, and a value is decoded when it is read.

Agents send 64 kB and more of messages and tools, of which a gateway reads five short values. msgspec checks the syntax and
finds the members of the object without building their values (90 kB: 0.25 ms, against 1.46 ms of json.loads), and where one
member changes, the bytes of the others are copied (0.35 ms, against 2.4 ms of decoding and encoding all). Half of a surrogate
pair is passed on as it is where nothing changes, and as the replacement character where something does.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Self

import msgspec

from hostd.dialects.json_text import SMALL, JsonError, JsonText, check_bounds, decoded, parse_json
from hostd.domain.errors import RequestError

MAX_MEMBERS = 1000
"""Members of a request; those of all APIs together are some 150."""
_FALSE = re.compile(rb'null|false|""|\[\s*\]|\{\s*\}|-?0(?:\.0*)?(?:[eE][+-]?\d+)?')

_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


class RequestDocument(Mapping[str, Any]):
    """An immutable JSON object, read member by member. Of a key that is given twice the last value counts, as in json.loads.

    *bounded* says that the structure of its bytes has been counted (`hostd.dialects.json_text`). *ends* has the last items of lists
    for which they have been looked up, None where there is none.
    """

    __slots__ = ("_body", "_bounded", "_ends", "_members", "_values")

    def __init__(
        self,
        members: Mapping[str, JsonText],
        body: bytes | None = None,
        *,
        bounded: bool = False,
        ends: Mapping[str, JsonText | None] | None = None,
    ) -> None:
        self._members = members
        self._body = body
        self._bounded = bounded
        self._ends = ends or {}
        self._values: dict[str, Any] = {}

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Return the object that *body* is.

        Raises:
            RequestError: It is no JSON, or no object, or has too many parts.
        """
        large = len(body) > SMALL
        try:
            if large:
                check_bounds(body)
            members = decoded(_decode_members, body)
        except msgspec.ValidationError:
            raise RequestError("the request body must be a JSON object", code="bad_json") from None
        except JsonError as error:
            raise RequestError(f"the request body cannot be read: {error}", code="bad_json") from None
        if len(members) > MAX_MEMBERS:
            raise RequestError(f"the request body has more than {MAX_MEMBERS} members", code="bad_json")
        return cls(members, body, bounded=large)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Return the object that has *values*."""
        return cls(_members_of(values))

    @property
    def size(self) -> int:
        """About how many bytes it has."""
        return len(self._body) if self._body is not None else sum(map(_length, self._members.values()))

    def __getitem__(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        member = self._members[name]
        try:
            value = parse_json(member, bounded=self._bounded)
        except JsonError as error:
            raise RequestError(f"the value of '{name}' cannot be read: {error}", code="bad_json", param=name) from None
        self._values[name] = value
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of *name*, or *default* where it is not there."""
        return self[name] if name in self._members else default

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def texts(self) -> Mapping[str, JsonText]:
        """Return the bytes of each member's value."""
        return self._members

    def is_written_as(self, body: bytes) -> bool:
        """Return whether `encode` returns *body* itself."""
        return self._body is body

    def short_text(self, name: str, most: int) -> Any:
        """Return the value of *name*, or the beginning of a text of more than *most* characters; None where it is not there."""
        member = self._members.get(name)
        if member is None:
            return None
        # A character that is escaped has twelve bytes at most.
        if (view := memoryview(member)).nbytes > 12 * most and bytes(view[:1]) == b'"':
            return bytes(view[1 : most + 1]).decode("utf-8", "replace")
        return self[name]

    def flag(self, name: str) -> bool | None:
        """Return the value of *name*; None where it is not there, or null. Nought, and what is empty, is false.

        Raises:
            RequestError: It is another value than true or false.
        """
        value = self.get(name)
        if value is None or isinstance(value, bool):
            return value
        if value:
            raise RequestError(f"'{name}' must be true or false", code="bad_request", param=name)
        return False

    def raw(self, name: str) -> bytes | None:
        """Return the bytes of the value of *name*; None where it is not there."""
        member = self._members.get(name)
        return None if member is None else bytes(member)

    def last(self, name: str) -> Any:
        """Return the last item of the list *name* without decoding the others; None where it is no list, or empty.

        Raises:
            RequestError: The item cannot be read.
        """
        end = self.end_of(name)
        try:
            return None if end is None else parse_json(end, bounded=self._bounded)
        except JsonError as error:
            raise RequestError(f"the end of '{name}' cannot be read: {error}", code="bad_json", param=name) from None

    def backwards(self, name: str) -> Iterator[Any]:
        """Yield the items of the list *name* from its end, each decoded when it is come to; none where it is no such list.

        Raises:
            RequestError: An item cannot be read.
        """
        try:
            items = _decode_items(self._members.get(name, b"[]"))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return
        for item in reversed(items):
            try:
                yield parse_json(item, bounded=self._bounded)
            except JsonError as error:
                raise RequestError(
                    f"an item of '{name}' cannot be read: {error}", code="bad_json", param=name
                ) from None

    def end_of(self, name: str) -> JsonText | None:
        """Return the bytes of the last item of the list *name*; None where it is no list, or empty."""
        if name in self._ends:
            return self._ends[name]
        try:
            items = _decode_items(self._members.get(name, b"[]"))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return items[-1] if items else None

    def beginning_of(self, name: str, most: int) -> list[JsonText] | None:
        """Return the bytes of the first items of the list *name*, *most* at most; None where it is no list."""
        try:
            return list(_decode_items(self._members.get(name, b""))[:most])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None

    def texts_in(self, name: str) -> int:
        """Return how many items the list *name* has if they are texts or lists; 0 where it is no such list. Nothing is decoded."""
        try:
            items = _decode_items(self._members.get(name, b"[]"))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return 0
        return len(items) if items and bytes(items[0])[:1] in (b'"', b"[") else 0

    def size_of(self, name: str) -> int:
        """Return how many bytes the value of *name* has; 0 where it is not there."""
        return _length(self._members.get(name, b""))

    def names_beyond(self, *known: Collection[str]) -> tuple[str, ...]:
        """Return the names of members that are in none of *known*."""
        left: Collection[str] = self._members
        for names in known:
            left = [name for name in left if name not in names]
            if not left:
                break
        return tuple(left)

    def is_true(self, name: str) -> bool:
        """Return whether the value of *name* is there and true in Python's sense, without decoding it."""
        member = self._members.get(name)
        return member is not None and _FALSE.fullmatch(memoryview(member)) is None

    def replace(self, changes: Mapping[str, Any], without: Collection[str] = ()) -> "RequestDocument":
        """Return this object with *changes* to its members and *without* some of them; the others keep their bytes."""
        members = {name: value for name, value in self._members.items() if name not in without}
        added = _members_of(changes)
        body = None
        if self._body is not None and self._members and added and not without and members.keys().isdisjoint(added):
            # Long bodies are copied once instead of being put together from their members.
            head = b",".join(json.dumps(name).encode() + b":" + bytes(value) for name, value in added.items())
            start = self._body.find(b"{") + 1
            body = b"".join((b"{", head, b",", memoryview(self._body)[start:]))
        ends = {name: end for name, end in self._ends.items() if name in members and name not in added}
        return RequestDocument(members | added, body, bounded=self._bounded, ends=ends)

    def encode(self) -> bytes:
        """Return the object as JSON: the bytes that it was parsed from, where nothing was replaced."""
        if self._body is None:
            # Pieces are joined once: long texts are copied, but never doubled on the way.
            pieces: list[bytes | memoryview] = []
            for name, value in self._members.items():
                pieces += (b",", json.dumps(name).encode(), b":", memoryview(value))
            pieces[:1] = [b"{"]
            self._body = b"".join((*pieces, b"}"))
        return self._body


def replaced(body: Mapping[str, Any], changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return *body* with *changes* to its members; those of a `RequestDocument` keep their bytes."""
    return body.replace(changes) if isinstance(body, RequestDocument) else {**body, **changes}


def last_item(body: Mapping[str, Any], name: str) -> Any:
    """Return the last item of the list *name* in *body*; None where it is no list, or empty."""
    if isinstance(body, RequestDocument):
        return body.last(name)
    items = body.get(name)
    return items[-1] if isinstance(items, list) and items else None


def _members_of(values: Mapping[str, Any]) -> dict[str, JsonText]:
    return {name: _encoded(value) for name, value in values.items()}


def _encoded(value: object) -> bytes:
    try:
        return _encode(value)
    except (TypeError, ValueError):
        # Half of a surrogate pair, or an integer of many digits.
        return json.dumps(value).encode()


def _length(member: JsonText) -> int:
    return memoryview(member).nbytes
