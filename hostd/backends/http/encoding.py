"""Content-Encoding of answers: servers pack them now and then although nothing was offered."""

import zlib

from hostd.backends.http.errors import AnswerError

MAX_PER_READ = 16 << 20
"""Bytes that one read of packed bytes may unpack to: a read is at most 256 KiB, and text packs to a tenth, not to a thousandth."""

_GZIP = b"\x1f\x8b"
_DEFLATED = 8
"""The method, in the low half of zlib's first byte."""


class Unpacker:
    """Undoes ``gzip`` and ``deflate`` as the bytes come."""

    def __init__(self, encoding: str) -> None:
        """Begin with *encoding*, the value of Content-Encoding.

        Raises:
            AnswerError: It is another one.
        """
        if encoding not in {"gzip", "x-gzip", "deflate"}:
            raise AnswerError(f"its answer is packed as {encoding[:40]!r}, which nothing asked for")
        self._start = b""
        self._zlib: zlib._Decompress | None = None

    @property
    def is_whole(self) -> bool:
        """Whether what came so far ends where packed bytes may end."""
        return not self._start if self._zlib is None else self._zlib.eof

    def feed(self, packed: bytes) -> bytes:
        """Return what *packed* adds.

        Raises:
            AnswerError: It is damaged, or unpacks to more than `MAX_PER_READ`.
        """
        rest, unpacked, room = self._start + packed, [], MAX_PER_READ
        self._start = b""
        while rest:
            if self._zlib is None or self._zlib.eof:
                if self._zlib is not None:
                    # gzip may be several members, one after the other; zeros may follow as padding.
                    rest = rest.lstrip(b"\0")
                if len(rest) < len(_GZIP):
                    self._start, self._zlib = rest, None if rest else self._zlib
                    break
                self._zlib = zlib.decompressobj(_wrapping(rest))
            try:
                piece = self._zlib.decompress(rest, room)
            except zlib.error as error:
                raise AnswerError(f"its packed answer cannot be unpacked ({error})") from None
            if self._zlib.unconsumed_tail:
                raise AnswerError(f"{len(packed)} bytes of its answer unpack to more than {MAX_PER_READ} bytes")
            unpacked.append(piece)
            room = max(1, room - len(piece))
            rest = self._zlib.unused_data
        return b"".join(unpacked)


def _wrapping(start: bytes) -> int:
    """Return zlib's word for how packed bytes that begin with *start* are wrapped.

    "deflate" means zlib's wrapping, which some servers leave away.
    """
    if start.startswith(_GZIP):
        return zlib.MAX_WBITS | 16
    # RFC 1950: the method in the first byte, and both bytes together a multiple of 31.
    is_zlib = start[0] & 15 == _DEFLATED and (start[0] << 8 | start[1]) % 31 == 0
    return zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS
