"""Content-Encoding of answers: servers pack them now and then although nothing was offered."""

import zlib

from hostd.backends.http.errors import AnswerError

MAX_PER_READ = 16 << 20
"""Bytes that one read of packed bytes may unpack to: a read is at most 256 KiB, and text packs to a tenth, not to a thousandth."""


class Unpacker:
    """Undoes ``gzip`` and ``deflate`` as the bytes come."""

    def __init__(self, encoding: str) -> None:
        """Begin with *encoding*, the value of Content-Encoding.

        Raises:
            AnswerError: It is another one.
        """
        if encoding not in {"gzip", "x-gzip", "deflate"}:
            raise AnswerError(f"its answer is packed as {encoding[:40]!r}, which nothing asked for")
        self._zlib = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # 32: gzip or zlib, whichever the head says

    def feed(self, packed: bytes) -> bytes:
        """Return what *packed* adds.

        Raises:
            AnswerError: It is damaged, or unpacks to more than `MAX_PER_READ`.
        """
        try:
            unpacked = self._zlib.decompress(packed, MAX_PER_READ)
        except zlib.error as error:
            raise AnswerError(f"its packed answer cannot be unpacked ({error})") from None
        if self._zlib.unconsumed_tail:
            raise AnswerError(f"{len(packed)} bytes of its answer unpack to more than {MAX_PER_READ} bytes")
        return unpacked
