"""A transport that sends nowhere, for connections whose answers a test makes up byte by byte."""

import asyncio

from hostd.backends.http.connection import HttpConnection
from hostd.backends.http.response import Response


class Nowhere(asyncio.Transport):
    """Remembers what was written and whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.reading = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Remember."""
        self.written += data

    def is_closing(self) -> bool:
        """Return whether it was closed."""
        return self.closed

    def close(self) -> None:
        """Close."""
        self.closed = True

    def abort(self) -> None:
        """Close."""
        self.closed = True

    def pause_reading(self) -> None:
        """Read no more."""
        self.reading = False

    def resume_reading(self) -> None:
        """Read on."""
        self.reading = True


class Exchange:
    """One request on a connection, and its answer as far as it was fed; *reads* it by a callback."""

    def __init__(self, *, reads: bool = True) -> None:
        self.idle: list[HttpConnection] = []
        self.lost: list[HttpConnection] = []
        self.connection = HttpConnection(self.idle.append, self.lost.append)
        self.transport = Nowhere()
        self.connection.connection_made(self.transport)
        self.response: Response = self.connection.exchange(b"GET / HTTP/1.1\r\n\r\n", b"")
        self.body = b""
        if reads:
            self.response.deliver(self._take)

    def feed(self, *pieces: bytes, close: bool = False) -> None:
        """Have the server send *pieces*, and then close the connection."""
        for piece in pieces:
            if not self.transport.closed:
                self.connection.data_received(piece)
        if close:
            self.connection.connection_lost(None)

    def _take(self, data: bytes) -> None:
        self.body += data
