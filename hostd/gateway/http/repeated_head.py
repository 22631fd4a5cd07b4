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

    def read_nowait(self, n: int = -1) -> bytes:  # noqa: ARG002 - there is nothing to divide
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


class ParsedHeads:
    """What the parser of one connection was given: the *last* head that may be repeated, and where it ended.

    *missing* is how many bytes of a request are still to come; None where only the parser knows.
    """

    __slots__ = ("last", "missing")

    def __init__(self) -> None:
        self.last: RepeatedHead | None = None
        self.missing: int | None = 0

    def request_in(self, data: bytes) -> tuple[RawRequestMessage, ReceivedBody] | None:
        """Return the request that *data* is, whole, if it has the last head and nothing is missing before it."""
        last = self.last
        body = None if self.missing or last is None else last.body_in(data)
        return None if last is None or body is None else (last.message, ReceivedBody(body))

    def parsed(self, data: bytes, message: object, count: int) -> None:
        """Note that *data* was parsed, in which so many heads ended, the last one that of *message*.

        Where the parser may hold a part of another request, all that follows is left to it.
        """
        missing = self.missing
        self.last = self.missing = None
        if not count and missing:
            self.missing = missing - len(data)
        elif count == 1 and missing == 0 and isinstance(message, RawRequestMessage):
            self.missing, self.last = _read(data, message)
        if self.missing is not None and self.missing < 0:
            self.last = self.missing = None


def _read(data: bytes, message: RawRequestMessage) -> tuple[int | None, RepeatedHead | None]:
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
