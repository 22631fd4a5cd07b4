"""Packed bodies of requests: unpacked within the limit of bodies, so that a small one cannot become a large one."""

import asyncio
import zlib
from collections.abc import Callable

from hostd.domain.errors import RequestError

SUPPORTED = "gzip, deflate"
"""What can be unpacked, as ``Accept-Encoding`` lists it (RFC 9110, section 12.5.3)."""

_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_NAMES = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate", "identity": "", "": ""}
_PIECE = 1024 * 1024
_SOON = 64 * 1024
"""Bytes; what unpacks to no more takes less than a millisecond, and a thread would take longer to be started."""


class UnsupportedEncoding(RequestError):
    """A body is packed in a way that cannot be unpacked here."""

    def __init__(self, encoding: str) -> None:
        super().__init__(
            f"hostd cannot unpack the body's Content-Encoding '{encoding[:40]}'; send it as it is, or packed as {SUPPORTED}",
            code="unsupported_encoding",
            status=415,
        )


def encoding_of(header: str | None) -> str:
    """Return ``gzip``, ``deflate``, or nothing for a body that is not packed, by its Content-Encoding.

    Raises:
        UnsupportedEncoding: It is packed in another way, or more than once.
    """
    if header is None:
        return ""
    encoding = header.strip().lower()
    if encoding not in _NAMES:
        raise UnsupportedEncoding(encoding)
    return _NAMES[encoding]


class TooLongError(Exception):
    """A body unpacks to more bytes than it may."""


async def unpack(body: bytes, encoding: str, longest: int, take: Callable[[int], None]) -> bytes:
    """Return *body* unpacked; what takes long is done in a thread. *take* is told before each piece how many bytes it may have.

    Raises:
        TooLongError: It has more than *longest* bytes.
        RequestError: It is not packed in that way, or broken.
    """
    unpacker = _Unpacker(body, encoding, longest)
    try:
        take(_SOON)
        done = unpacker.step(_SOON)
        while not done:
            take(_PIECE)
            done = await asyncio.to_thread(unpacker.step, _PIECE)
    except zlib.error:
        raise _broken(encoding) from None
    if not unpacker.whole:
        raise _broken(encoding)
    return b"".join(unpacker.pieces)


class _Unpacker:
    """Unpacks *body* piece by piece."""

    def __init__(self, body: bytes, encoding: str, longest: int) -> None:
        # Some send deflate without the zlib header that the name stands for; its first byte tells (RFC 1950, section 2.2).
        kind = _GZIP if encoding == "gzip" else _ZLIB if body[:1] and body[0] & 0x0F == 8 else _RAW
        self.pieces: list[bytes] = []
        self._zlib = zlib.decompressobj(kind)
        self._left = body
        self._room = longest

    @property
    def whole(self) -> bool:
        return self._zlib.eof and not self._zlib.unused_data

    def step(self, most: int) -> bool:
        """Unpack *most* bytes; return whether that was all."""
        piece = self._zlib.decompress(self._left, min(most, self._room + 1))
        self._left = self._zlib.unconsumed_tail
        self._room -= len(piece)
        if self._room < 0:
            raise TooLongError
        self.pieces.append(piece)
        return self._zlib.eof or not piece


def _broken(encoding: str) -> RequestError:
    return RequestError(
        f"the body is not what its Content-Encoding says: {encoding} that is broken, cut off, or something else",
        code="bad_encoding",
    )
