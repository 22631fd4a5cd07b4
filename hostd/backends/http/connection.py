"""One connection to a server: HTTP/1.1 by llhttp, one exchange at a time.

Bytes are handed on in the callback that received them. A stream reader, as asyncio and aiohttp have it, costs a future and a task
switch for every token.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from hostd.backends.http.errors import AnswerError, ConnectionLostError, ExchangeError
from hostd.backends.http.response import KEPT, Response

LARGEST_HEAD = 64 * 1024
"""Bytes of a response's head, and of trailers."""
MOST_INTERIM = 8
"""Interim (1xx) answers before the answer itself."""
PORTION = 256 * 1024
"""Bytes of a body that are written at once, so that other requests are not held up by a large one."""
LARGE_READ = 64 * 1024
"""Bytes of a read after which others have their turn. uvloop hands on up to 32 reads of 250 kB in a row, and a hundred thousand
small events in them would hold up all other requests for a second."""

_COPIED = 8 * 1024
"""Bytes of a body up to which a copy costs less than a write of two parts."""
_BODILESS = frozenset({204, 304})


class HttpConnection(asyncio.Protocol):
    """Sends a request and parses its answer.

    *idle* is called when the next request may use the connection, *lost* when it has ended.
    """

    transport: asyncio.Transport

    def __init__(self, idle: Callable[["HttpConnection"], None], lost: Callable[["HttpConnection"], None]) -> None:
        self.used = False
        self.idle_since = 0.0
        self._idle = idle
        self._lost = lost
        self._response: Response | None = None
        # The pieces of the body in one read. llhttp calls the list itself: a stream at full speed has hundreds in a read.
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append
        self._parser = HttpResponseParser(self)
        self._head = 0
        self._interim = 0
        self._until_close = True
        self._headers_done = False
        self._keep = False
        self._complete = False
        self._body_pieces = 0
        self._sent = True
        self._writable: asyncio.Future[None] | None = None
        self._closed = False

    @property
    def is_open(self) -> bool:
        """Whether the connection can carry another exchange."""
        return not self._closed and not self.transport.is_closing()

    def exchange(self, head: bytes, body: bytes) -> Response:
        """Send a request and return its response, of which nothing has come yet; a large *body* follows by `send_rest`."""
        self._response = response = Response(self)
        self._head = self._interim = 0
        self._headers_done = self._complete = False
        self._until_close = True
        self._sent = len(body) <= PORTION
        if len(body) <= _COPIED:
            self.transport.write(head + body)
        elif self._sent:
            self.transport.writelines((head, body))
        else:
            self.transport.write(head)
        return response

    async def send_rest(self, body: bytes) -> None:
        """Send a *body* larger than `PORTION`, as fast as the server reads it and until it answers."""
        view = memoryview(body)
        response = self._response
        for at in range(0, len(body), PORTION):
            if self._writable is not None:
                await self._writable
            if self._closed or response is None or response.has_head or response.error is not None:
                return
            self.transport.write(view[at : at + PORTION])
            # Without it a server that reads fast would keep the loop for the whole body.
            await asyncio.sleep(0)
        self._sent = True

    def break_off(self, why: str) -> None:
        """Fail the answer that is still read, and close."""
        self._fail(ConnectionLostError(why))

    def abort(self) -> None:
        """Close at once: a server that still generates stops."""
        self._closed = True
        self._response = None
        self.transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse *data* and hand its part of the body on."""
        response = self._response
        if response is None:
            # Bytes after the end of an answer: whatever they are, the next request must not take them for its own.
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._fail(AnswerError("it switched to another protocol"))
            return
        except HttpParserError as error:
            if not self._complete:
                cause = error.__context__
                self._fail(cause if isinstance(cause, AnswerError) else AnswerError(f"its answer is no HTTP ({error})"))
                return
            self._closed = True
        if not self._headers_done:
            self._head += len(data)
            if self._head > LARGEST_HEAD:
                self._fail(AnswerError(f"the head of its answer is longer than {LARGEST_HEAD} bytes"))
            return
        pieces = self._pieces.copy()
        self._pieces.clear()
        if self._complete:
            self._end(response, pieces[: self._body_pieces])
        elif pieces:
            self._head = 0
            response.arrived(pieces)
            if len(data) >= LARGE_READ:
                response.give_way()
        else:
            # A length of a chunk may have comments, which llhttp skips however long they are.
            self._head += len(data)
            if self._head > LARGEST_HEAD:
                self._fail(AnswerError(f"{self._head} bytes of its answer hold nothing of the body"))

    def eof_received(self) -> bool:
        """End an answer that lasts until the connection does; the transport closes."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """End the answer, or fail it."""
        self._closed = True
        self._lost(self)
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        response, self._response = self._response, None
        if response is None:
            return
        if self._headers_done and self._until_close and error is None:
            response.finished([])
            return
        why = "closed the connection" if error is None else f"broke the connection off ({type(error).__name__})"
        if self._headers_done:
            response.failed(ConnectionLostError(f"it {why} in the middle of its answer"))
        else:
            stale = self.used and not self._head and not self._interim
            response.failed(ConnectionLostError(f"it {why} before it answered", stale=stale))

    def pause_writing(self) -> None:
        """Have `send_rest` wait."""
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """Have `send_rest` go on."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    # What llhttp calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the headers that matter; of trailers, only how long they are."""
        if self._headers_done:
            self._head += len(name) + len(value)
            if self._head > LARGEST_HEAD:
                raise AnswerError(f"the trailers of its answer are longer than {LARGEST_HEAD} bytes")
        elif self._response is not None:
            name = name.lower()
            if name in KEPT:
                self._response.headers[name] = value
            # llhttp reads what has another coding than chunked until the connection ends.
            elif name == b"content-length" or (name == b"transfer-encoding" and value.lower().endswith(b"chunked")):
                self._until_close = False

    def on_headers_complete(self) -> None:
        """Tell whoever waits for the head, unless it is an interim one."""
        status = self._parser.get_status_code()
        if self._complete or 100 <= status < 200:
            return
        self._headers_done = True
        self._head = 0
        self._keep = self._parser.should_keep_alive()
        if status in _BODILESS:
            self._until_close = False
        if self._response is not None:
            self._response.begun(status)

    def on_message_complete(self) -> None:
        """Note the end of the answer, or of an interim one."""
        if self._headers_done:
            if not self._complete:
                self._complete = True
                # What follows them belongs to no answer.
                self._body_pieces = len(self._pieces)
            return
        self._interim += 1
        self._head = 0
        self._until_close = True
        if self._response is not None:
            self._response.interim()
        if self._interim > MOST_INTERIM:
            raise AnswerError(f"it sent more than {MOST_INTERIM} interim answers")

    def on_message_begin(self) -> None:
        """Close the connection if something follows the answer."""
        if self._complete:
            self._closed = True

    def _end(self, response: Response, pieces: list[bytes]) -> None:
        self._response = None
        self.used = True
        response.finished(pieces)
        # Where the answer came before all of the request was sent, the server would take the next request for its rest.
        if self._keep and self._sent and self.is_open and self._writable is None:
            self._idle(self)
        else:
            self._closed = True
            self.transport.close()

    def _fail(self, error: ExchangeError) -> None:
        response, self._response = self._response, None
        self._pieces.clear()
        self.abort()
        if response is not None:
            response.failed(error)
