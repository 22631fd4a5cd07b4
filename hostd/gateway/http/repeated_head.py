"""Requests whose head was parsed before: clients send the same one again and again, but for the length of the body.

aiohttp's parser has judged all of it, and what it made of it holds for each later one. To compare two heads costs a small part of
parsing one: a client of OpenAI's sends some twenty headers.
"""

import re
from typing import NamedTuple

from aiohttp.http import RawRequestMessage
from aiohttp.streams import EmptyStreamReader

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,12})(?=\r\n)", re.IGNORECASE)
_MOST_DIGITS = 12
_END = b"\r\n\r\n"


class ReceivedBody(EmptyStreamReader):
    """A body that has come as a whole, and is read as a whole."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.total_bytes = len(data)
        self.total_compressed_bytes = None
        self._data = data

    def read_nowait(self, n: int = -1) -> bytes:  # noqa: ARG002 - as above
        """Return the body; nothing when it has been read."""
        data, self._data = self._data, b""
        return data

    async def read(self, n: int = -1) -> bytes:
        """Return the body; nothing when it has been read."""
        return self.read_nowait(n)

    async def readany(self) -> bytes:
        """Return the body; nothing when it has been read."""
        return self.read_nowait()


class RepeatedHead(NamedTuple):
    """A head that was parsed to *message*: the bytes *before* the number of its Content-Length, and those *after*, to its end.

    The Content-Length that *message* has is the one of the first request.
    """

    before: bytes
    after: bytes
    message: RawRequestMessage

    def body_in(self, data: bytes) -> bytes | None:
        """Return the body of the request that *data* is; None where it is not exactly one with this head and a body."""
        before, after = self.before, self.after
        if not data.startswith(before):
            return None
        begin = len(before)
        end = data.find(b"\r", begin, begin + _MOST_DIGITS + 1)
        digits = data[begin:end]
        if end < 0 or not digits.isdigit() or not data.startswith(after, end):
            return None
        body = data[end + len(after) :]
        return body if body and len(body) == int(digits) else None


def repeatable(data: bytes, message: RawRequestMessage) -> tuple[int | None, RepeatedHead | None]:
    """Return how many bytes of the request that begins *data*, parsed to *message*, are still to come, and its head.

    There is no number where only the parser knows, one below 0 where more than this request has come, and no head where
    the next request with it may mean something else.
    """
    end = data.find(_END) + len(_END)
    length = _LENGTH.search(data, 0, end)
    if (
        message.chunked
        or message.upgrade
        or end < len(_END)
        or (length is None and "Content-Length" in message.headers)
    ):
        return None, None
    rest = end - len(data) + (0 if length is None else int(length[1]))
    if length is None or message.should_close or "Expect" in message.headers:
        return rest, None
    return rest, RepeatedHead(data[: length.start(1)], data[length.end(1) : end], message)
