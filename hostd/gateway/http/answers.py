"""Answers of models as they are written to clients: head and body in one write, chunks without a task in between.

aiohttp's own responses build a table of headers, read it again to find out how the body is framed, and write it out line by
line; that costs more than all that is known of an answer beforehand, which is its status, its framing and most of its headers.
"""

from functools import lru_cache
from http import HTTPStatus

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import SERVER_SOFTWARE, HttpVersion

from hostd.domain.errors import Bug

_COPIED = 64 * 1024
"""Bytes of a body up to which a copy costs less than a second write."""


class ModelAnswer(web.StreamResponse):
    """An answer of status 200 below a head of *lines*, each with its line end."""

    # Instead of those that aiohttp sets for each response, which it would read when it prepares one.
    _status = HTTPStatus.OK.value
    _reason = HTTPStatus.OK.phrase

    def __init__(self, lines: str) -> None:  # as above
        self._lines = lines
        self._writer: AbstractStreamWriter | None = None

    @property
    def prepared(self) -> bool:
        """Whether it has all its headers, so that none can be added."""
        return True

    def _open(self, request: web.BaseRequest, framing: str) -> bytes:
        """Return the head, with the lines that say how the body is framed; what is written from now on follows it."""
        self._writer, version = request.writer, request.version
        keep_alive = request.keep_alive if self._keep_alive is None else self._keep_alive
        if not framing and version < HttpVersion11:
            # The end of the connection is all that ends such a body.
            keep_alive = False
        self._keep_alive = keep_alive
        begin = _begin(version, keep_alive)
        return f"{begin}{self._lines}{framing}Date: {rfc822_formatted_time()}\r\n\r\n".encode()

    def _write(self, data: bytes) -> None:
        writer = self._writer
        transport = None if writer is None else writer.transport
        if writer is None or transport is None or transport.is_closing():
            raise ConnectionResetError
        # What looks at the connection tells by it whether an answer has begun.
        writer.output_size += len(data)
        transport.write(data)

    async def drain(self) -> None:
        """Return once the client has read most of what was written.

        Raises:
            ConnectionError: The client has closed its end.
        """
        if self._writer is not None:
            await self._writer.drain()


class WholeAnswer(ModelAnswer):
    """An answer whose *body* is all there."""

    def __init__(self, lines: str, body: bytes) -> None:
        super().__init__(lines)
        self._whole = body

    @property
    def whole(self) -> bytes:
        """The body."""
        return self._whole

    def send(self, request: web.BaseRequest) -> None:
        """Write it to the client of *request*, once.

        Raises:
            ConnectionError: The client has closed its end.
        """
        if self._writer is None:
            head = self._open(request, f"Content-Length: {len(self._whole)}\r\n")
            if len(self._whole) <= _COPIED:
                self._write(head + self._whole)
            else:
                self._write(head)
                self._write(self._whole)

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Write it."""
        self.send(request)
        return self._writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Have it taken; nothing can follow."""
        if data:
            raise Bug("a whole answer is written once")
        await self.drain()


class StreamedAnswer(ModelAnswer):
    """An answer that is written piece by piece; its head goes out with the first piece."""

    def __init__(self, lines: str) -> None:
        super().__init__(lines)
        self._head = b""
        self._chunked = True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Begin it, if it has not begun."""
        if self._writer is None:
            self._chunked = request.version >= HttpVersion11
            self._head = self._open(request, "Transfer-Encoding: chunked\r\n" if self._chunked else "")
        return self._writer

    def push(self, data: bytes) -> None:
        """Write *data* at once.

        Raises:
            ConnectionError: The client has closed its end.
        """
        head, self._head = self._head, b""
        self._write(b"%b%x\r\n%b\r\n" % (head, len(data), data) if self._chunked and data else head + data)

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write *data*, and wait for a client that reads slowly.

        Raises:
            ConnectionError: The client has closed its end.
        """
        self.push(bytes(data))
        await self.drain()

    async def write_eof(self, data: bytes = b"") -> None:
        """Write *data* and the end.

        Raises:
            ConnectionError: The client has closed its end.
        """
        if self._eof_sent:
            return
        head, self._head = self._head, b""
        if not self._chunked:
            last = head + data
        elif data:
            last = b"%b%x\r\n%b\r\n0\r\n\r\n" % (head, len(data), data)
        else:
            last = head + b"0\r\n\r\n"
        # Before the client has taken it: whatever goes wrong from now on, nothing may follow.
        self._eof_sent = True
        if last:
            self._write(last)
        await self.drain()


@lru_cache(maxsize=16)
def _begin(version: HttpVersion, keep_alive: bool) -> str:
    """Return the status and the headers in which all answers of a *version* are alike."""
    connection = ""
    if keep_alive != (version >= HttpVersion11):
        connection = f"Connection: {'keep-alive' if keep_alive else 'close'}\r\n"
    return f"HTTP/{version.major}.{version.minor} 200 OK\r\nServer: {SERVER_SOFTWARE}\r\n{connection}"
