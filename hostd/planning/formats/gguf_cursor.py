"""Bounded cursor over GGUF bytes: every length is checked before it is used, and skipped values are never built."""

import struct
from typing import NoReturn

from hostd.domain.errors import HostdError

# Upper bound of a header in bytes: the largest vocabularies with their merges stay under 40 MB.
MAX_HEADER = 1 << 28
MAX_NAME = 1 << 16
MAX_STRING = 1 << 26

Scalar = int | float | bool
SCALARS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_U32, _U64 = SCALARS[4], SCALARS[10]


class GgufError(HostdError):
    """A header that no engine can load; the message says what is wrong with it."""

    code = "bad_model_file"
    status = 422


class UnknownGguf(GgufError):
    """A header with a version or a type of tensor that is not known here; an engine may know it."""


class TruncatedHeader(Exception):
    """A header that ends too soon; parsing needs at least the first *need* bytes of the file."""

    def __init__(self, need: int) -> None:
        super().__init__(need)
        self.need = need


class Cursor:
    """A position in the bytes of a header that only moves forward."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def _reserve(self, count: int, what: str) -> int:
        begin, end = self.at, self.at + count
        if end > MAX_HEADER:
            _refuse(f"{what} would end {end:,} bytes into the file, beyond any real header ({MAX_HEADER:,} bytes)")
        if end > len(self.data):
            raise TruncatedHeader(end)
        self.at = end
        return begin

    def u32(self, what: str) -> int:
        """Return the next four bytes as a number."""
        return int(_U32.unpack_from(self.data, self._reserve(4, what))[0])

    def u64(self, what: str) -> int:
        """Return the next eight bytes as a number."""
        return int(_U64.unpack_from(self.data, self._reserve(8, what))[0])

    def scalar(self, kind: int, what: str) -> Scalar:
        """Return the next value of a fixed-size type."""
        packed = SCALARS[kind]
        value: Scalar = packed.unpack_from(self.data, self._reserve(packed.size, what))[0]
        return value

    def text(self, what: str, limit: int = MAX_STRING) -> str:
        """Return the next string; bytes that are no UTF-8 become question marks, since engines do not mind them."""
        length = self.u64(what)
        if length > limit:
            _refuse(f"{what} claims {length:,} bytes; at most {limit:,} make sense")
        begin = self._reserve(length, what)
        return self.data[begin : self.at].decode("utf-8", "replace")

    def numbers(self, kind: int, count: int, keep: int, what: str) -> tuple[Scalar, ...] | None:
        """Skip *count* values of a fixed-size type; return them if there are at most *keep*."""
        packed = SCALARS[kind]
        begin = self._reserve(packed.size * count, what)
        if count > keep:
            return None
        return tuple(value[0] for value in packed.iter_unpack(self.data[begin : self.at]))

    def skip_strings(self, count: int, what: str) -> None:
        """Skip *count* strings by their lengths alone: building a vocabulary would cost time and memory for nothing."""
        if count * 8 > MAX_HEADER:
            _refuse(f"{what} claims {count:,} strings, more than any real header holds")
        data, at, length_at = self.data, self.at, _U64.unpack_from
        passed = 0
        try:
            for passed in range(count):  # noqa: B007 - the handler below reads how far it came
                (length,) = length_at(data, at)
                if length > MAX_STRING:
                    _refuse(f"{what} has a string that claims {length:,} bytes; at most {MAX_STRING:,} make sense")
                at += 8 + length
        except struct.error:
            raise TruncatedHeader(at + 8 * (count - passed)) from None
        self.at = at
        self._reserve(0, what)


def _refuse(message: str) -> NoReturn:
    raise GgufError(f"{message}; the file is damaged or not what it claims: download or convert it again")
