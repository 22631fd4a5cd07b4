"""The one reader of JSON that strangers wrote: clients' requests, engines' answers and events, servers' status pages.

msgspec decodes it; what msgspec leaves open is decided here:

- Depth, and the number of containers, keys and values, are bounded. Python's decoders end in a RecursionError somewhere near
  1,000 levels, sooner when they are called from deep down, and their writers some levels earlier; a text of a megabyte can hold
  half a million lists, which cost a hundred times its size.
- The text is UTF-8, with or without a byte order mark. NaN and Infinity are no JSON, nor is a number that no float can hold.
- Half of a surrogate pair in a string is read as U+FFFD, the replacement character: clients send it that cut a text in the
  middle of a character.
- Integers may have any size up to 4,300 digits, which is Python's own bound.
- Of a key that is given twice the last value counts, as in nearly all readers.
"""

import re
from array import array
from collections.abc import Callable
from itertools import accumulate
from typing import Any, TypeVar

import msgspec

JsonText = bytes | msgspec.Raw | memoryview

MAX_DEPTH = 100
"""Levels of nesting; the schemas of agents' tools have up to 30."""
MAX_CONTAINERS = 100_000
"""Lists and objects of one text; the longest conversations of agents have some 20,000. So many are decoded in about 30 ms."""
MAX_KEYS = 100_000
MAX_VALUES = 1_000_000
"""Members of lists and objects of one text; a batch of prompts given as tokens has up to 300,000."""
SMALL = 256 * 1024
"""Bytes of a text that can break no bound but that of depth."""

_SLICE = 128 * 1024
"""Bytes that are counted by one call, in less than a millisecond; between two calls other threads have their turn."""
_SHALLOW = 2 * MAX_DEPTH
"""Bytes up to which brackets that are closed cannot be nested too deeply."""
_SHORT = 4096
"""Bytes up to which few brackets are likely, so that counting all of them saves looking for those within strings."""
_HALVES = re.compile(rb"\\u[dD]([89a-fA-F])[0-9a-fA-F]{2}")
_LONGEST_MENDED = 4 * 1024 * 1024
"""Bytes of a text in which halves are looked for; that of a longer one would hold up all other requests."""
_MOST_HALVES = 10_000
_LOOK_BACK = 1024
_BYTE = re.compile(r"\(byte (\d+)\)")
_BOM = b"\xef\xbb\xbf"
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_TO_STEPS = bytes.maketrans(b"[]{}", b"\x01\xff\x01\xff")

_decode = msgspec.json.Decoder().decode
_Value = TypeVar("_Value")


class JsonError(ValueError):
    """A text that is no JSON, or is out of bounds. *position* is the byte where reading ended; None where that is not known."""

    def __init__(self, why: str, position: int | None = None) -> None:
        super().__init__(why if position is None else f"{why} at byte {position}")
        self.position = position


def parse_json(text: JsonText, *, bounded: bool = False) -> Any:
    """Return the value that *text* stands for. *bounded* says that its structure has been counted already.

    Raises:
        JsonError: It is no JSON, or nested too deeply, or has too many parts.
    """
    data = bytes(text)
    if not bounded and len(data) > _SHALLOW:
        check_bounds(data)
    try:
        try:
            return _decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return _mended(_decode, data, error)
    except msgspec.ValidationError:
        raise JsonError("a number in it is out of range") from None


def decoded(decode: Callable[[bytes], _Value], data: bytes) -> _Value:
    """Return what *decode*, one of msgspec's decoders, makes of *data*.

    Raises:
        JsonError: It is no JSON.
        msgspec.ValidationError: It is not of the type that *decode* is for.
    """
    try:
        return decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return _mended(decode, data, error)


def _mended(decode: Callable[[bytes], _Value], data: bytes, error: Exception) -> _Value:
    """Return what *decode* makes of *data*, at which it failed with *error*, without what others let pass."""
    if isinstance(error, msgspec.ValidationError):
        raise error
    mended = without_halves(data.removeprefix(_BOM)) if len(data) <= _LONGEST_MENDED else data
    if mended == data:
        raise json_error(error, data) from None
    try:
        return decode(mended)
    except msgspec.ValidationError:
        raise
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as again:
        raise json_error(again, data) from None


def without_halves(data: bytes) -> bytes:
    """Return *data*, of the same length, with the replacement character for each half of a surrogate pair that is escaped."""
    pieces: list[bytes] = []
    start, skip = 0, -1
    for count, found in enumerate(_HALVES.finditer(data)):
        at = found.start()
        if count > _MOST_HALVES:
            return data
        if at < skip or _is_escaped(data, at):
            continue
        following = _HALVES.match(data, at + 6)
        if found[1] in b"89aAbB" and following is not None and following[1] not in b"89aAbB":
            skip = at + 12
            continue
        pieces += (data[start:at], b"\\ufffd")
        start = at + 6
    return b"".join((*pieces, data[start:])) if pieces else data


def _is_escaped(data: bytes, at: int) -> bool:
    """Return whether the backslash *at* is itself escaped: behind an odd number of others."""
    before = data[max(0, at - _LOOK_BACK) : at]
    return (len(before) - len(before.rstrip(b"\\"))) % 2 == 1


def check_bounds(data: bytes) -> None:
    """Return if *data* can be decoded; whether it is valid is not looked at.

    Raises:
        JsonError: It is nested too deeply, or has too many parts.
    """
    if len(data) <= _SHALLOW or (len(data) <= _SHORT and data.count(b"[") + data.count(b"{") <= MAX_DEPTH):
        return
    structure = _Structure()
    for start in range(0, len(data), _SLICE):
        structure.add(data[start : start + _SLICE], start)


def json_error(error: Exception, data: bytes) -> JsonError:
    """Return what a decoder's *error* on *data* means, in words that do not depend on the decoder."""
    if isinstance(error, RecursionError):
        return JsonError("it is nested too deeply")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:4]:
        return JsonError("it is not in UTF-8", 0)
    if not data.strip():
        return JsonError("it is not valid JSON, but empty")
    if found := _BYTE.search(str(error)):
        return JsonError("it is not valid JSON", int(found[1]))
    # Newer versions of msgspec have no error of its own for it.
    try:
        data.decode()
    except UnicodeDecodeError as wrong:
        if wrong.end < len(data):
            return JsonError("it is not in UTF-8", wrong.start)
    return JsonError("it is not valid JSON", len(data))


class _Structure:
    """Counts what stands outside of strings, slice by slice."""

    def __init__(self) -> None:
        self._containers = self._keys = self._values = self._depth = 0
        self._in_string = False
        self._escapes = False

    def add(self, piece: bytes, start: int) -> None:
        if b"\\" in piece or self._escapes:
            piece = self._without_escapes(piece)
        parts = piece.split(b'"')
        outside = b" ".join(parts[self._in_string :: 2])
        if not len(parts) % 2:
            self._in_string = not self._in_string
        self._keys += outside.count(b":")
        self._values += outside.count(b",")
        brackets = outside.translate(None, _NO_BRACKETS)
        if brackets:
            self._nest(brackets, start)
        if self._keys > MAX_KEYS or self._values > MAX_VALUES:
            raise JsonError(f"it has more than {MAX_KEYS} keys or {MAX_VALUES} values", start)

    def _without_escapes(self, piece: bytes) -> bytes:
        """Return *piece* without escaped quotes, whether an escape begins before it or goes on after it."""
        if self._escapes:
            piece = piece[1:]
        piece = piece.replace(b"\\\\", b"").replace(b'\\"', b"")
        self._escapes = piece.endswith(b"\\")
        return piece

    def _nest(self, brackets: bytes, start: int) -> None:
        self._containers += brackets.count(b"[") + brackets.count(b"{")
        if self._containers > MAX_CONTAINERS:
            raise JsonError(f"it has more than {MAX_CONTAINERS} lists and objects", start)
        steps = array("b", brackets.translate(_TO_STEPS))
        if self._depth + len(steps) > MAX_DEPTH and self._depth + max(accumulate(steps)) > MAX_DEPTH:
            raise JsonError(f"it is nested too deeply (more than {MAX_DEPTH} levels)", start)
        self._depth += sum(steps)
