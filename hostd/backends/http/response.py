"""The answer to one request: read whole up to a limit, piece by piece, or handed to a callback as it comes."""

import asyncio
import copy
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

from hostd.backends.http.encoding import Unpacker
from hostd.backends.http.errors import AnswerError, ConnectionLostError, ExchangeError

LARGEST_ANSWER = 64 << 20
"""Bytes of a whole answer: some hundred thousand vectors, or an hour of generated text."""
LARGEST_ERROR = 256 * 1024
"""Bytes of the body of an error: some servers quote a part of the request."""
ROOM = 256 * 1024
"""Bytes that wait for a reader before the server has to wait, too."""

_END = 4096
"""Bytes at either end of a piece that are kept to be looked at when the answer is over."""
_BEGINNING, _ENDING = slice(_END), slice(-_END, None)
_LAST = 4
"""Pieces at the end of a stream, in which its last event but the formal end is."""

KEPT = frozenset({b"content-type", b"content-encoding", b"location", b"retry-after"})
"""Names of the headers that matter."""


class Carrier(Protocol):
    """The connection below."""

    transport: asyncio.Transport

    def abort(self) -> None:
        """Close at once."""


class Response:
    """One answer. Its connection goes back to the pool when the last byte has come, and is closed if that is not waited for.

    *headers* are those that matter, by their names in lower case.
    """

    def __init__(self, connection: Carrier) -> None:
        self.status = 0
        self.error: ExchangeError | None = None
        self.is_complete = False
        self._connection: Carrier | None = connection
        self.headers: dict[bytes, bytes] = {}
        self._unpacker: Unpacker | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._limit: int | None = None
        self._paused = False
        self._sink: Callable[[bytes], None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._first = b""
        self._last: deque[bytes] = deque(maxlen=_LAST)

    def __repr__(self) -> str:
        state = self.error or ("complete" if self.is_complete else f"{self._size} bytes wait")
        return f"<Response {self.status or 'no head'}, {state}>"

    @property
    def has_head(self) -> bool:
        """Whether status and headers have come."""
        return self.status != 0

    @property
    def content_type(self) -> str:
        """The media type, in lower case and without parameters; empty where there is none."""
        return _media_type(self.headers.get(b"content-type", b"")[:1000])

    @property
    def ends(self) -> bytes:
        """The beginning of its body, and the ends of the last pieces."""
        last = self._last
        return last[0] if len(last) == 1 and len(last[0]) < _END else b"".join((self._first, *last))

    def text(self, header: bytes) -> str:
        """Return *header*, of those that are kept (lower case); empty where the answer has none."""
        return self.headers.get(header, b"").decode("latin-1")[:1000]

    async def head(self) -> None:
        """Return once status and headers have come.

        Raises:
            ExchangeError: They will not.
        """
        while not self.status:
            await self._wait()

    async def read(self, limit: int = LARGEST_ANSWER) -> bytes:
        """Return the whole body.

        Raises:
            ExchangeError: It is longer than *limit* bytes, or breaks off.
        """
        self._limit = limit
        if self._size > limit:
            # It had come, and perhaps ended, before it was asked for.
            self._check_limit()
            raise _too_long(limit)
        self.resume()
        while not self.is_complete:
            await self._wait()
        return self._taken()

    async def some(self) -> bytes:
        """Return what has come since the last call, at least a byte; nothing at the end.

        Raises:
            ExchangeError: The answer breaks off.
        """
        while not self._pieces and not self.is_complete:
            self.resume()
            await self._wait()
        return self._taken()

    def deliver(self, sink: Callable[[bytes], None]) -> None:
        """Have *sink* called with what comes from now on, within the callback that receives it. It must not raise."""
        if not self.is_complete:
            self._sink = sink
        # Before the sink, which may pause it again: nobody else would.
        self.resume()
        if self._pieces:
            sink(self._taken())

    async def change(self) -> None:
        """Return when the answer has ended, or `nudge` is called.

        Raises:
            ExchangeError: It broke off.
        """
        await self._wait()

    def nudge(self) -> None:
        """End the wait for a `change`; for a sink that has enough."""
        self._wake()

    def pause(self) -> None:
        """Let the server wait: what came is not taken yet."""
        if not self._paused and self._connection is not None and not self._connection.transport.is_closing():
            self._paused = True
            self._connection.transport.pause_reading()

    def resume(self) -> None:
        """Take more."""
        if self._paused:
            self._paused = False
            if self._connection is not None and not self._connection.transport.is_closing():
                self._connection.transport.resume_reading()

    def give_way(self) -> None:
        """Take no more in this turn of the loop."""
        if not self._paused and self._connection is not None and not self._connection.transport.is_closing():
            self._connection.transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._go_on)

    def close(self) -> None:
        """Close the connection unless the answer has ended; the server stops generating."""
        connection, self._connection = self._connection, None
        self._sink = None
        if connection is not None and not self.is_complete:
            if self.error is None:
                self.error = ConnectionLostError("the answer was given up")
            connection.abort()
        self._pieces = []

    def leave(self, seconds: float) -> None:
        """Take no more of an answer that is complete by its own words; close the connection if its end does not come in time."""
        if self.is_complete or self._connection is None:
            return
        self._sink = _discard
        self.resume()
        asyncio.get_running_loop().call_later(seconds, self.close)

    # What the connection calls.

    def interim(self) -> None:
        """Forget the headers of an interim answer."""
        self.headers.clear()

    def begun(self, status: int) -> None:
        """Note the head."""
        self.status = status
        self._wake()

    def arrived(self, pieces: list[bytes]) -> None:
        """Take the *pieces* of one read."""
        if b"content-encoding" in self.headers:
            try:
                pieces = self._unpacked(pieces)
            except AnswerError as error:
                self._give_up(error)
                return
        # Not the pieces themselves: those of a whole answer would be held with it.
        if len(pieces) == 1:
            self._last.append(pieces[0][_ENDING])
        else:
            self._last.extend([piece[_ENDING] for piece in pieces[-_LAST:]])
        if not self._first:
            self._first = pieces[0][_BEGINNING]
        if self._sink is not None:
            try:
                self._sink(pieces[0] if len(pieces) == 1 else b"".join(pieces))
            except BaseException:
                # The loop reports it. Whoever waits must hear of it, too: after the last bytes nothing else would wake it.
                self._give_up(AnswerError("its answer cannot be read"))
                raise
            return
        self._pieces += pieces
        self._size += sum(map(len, pieces))
        if self._limit is not None:
            self._check_limit()
            return
        if self._size > ROOM:
            self.pause()
        self._wake()

    def finished(self, pieces: list[bytes]) -> None:
        """Take the last *pieces*; the answer has ended."""
        if pieces:
            self.arrived(pieces)
        if self._unpacker is not None and not self._unpacker.is_whole and self.error is None:
            self.failed(AnswerError("its packed answer breaks off"))
        if self.error is None:
            self.is_complete = True
            # The next request's answer is read on the same connection.
            self.resume()
            self._connection = None
            # A sink often knows the response: apart, both are freed now, and not by a collection that holds up all requests.
            self._sink = None
            self._wake()

    def failed(self, error: ExchangeError) -> None:
        """Fail whoever waits for more."""
        if self.error is None and not self.is_complete:
            # A copy has no traceback: one that is kept would hold the frames that it went through, and the bodies in them.
            self.error = copy.copy(error)
        self._connection = None
        self._wake()

    def _go_on(self) -> None:
        if not self._paused and self._connection is not None and not self._connection.transport.is_closing():
            self._connection.transport.resume_reading()

    def _give_up(self, error: ExchangeError) -> None:
        """Fail with *error* and close the connection."""
        connection = self._connection
        self.failed(error)
        self._pieces = []
        if connection is not None:
            connection.abort()

    def _unpacked(self, pieces: list[bytes]) -> list[bytes]:
        encoding = self.headers[b"content-encoding"]
        if encoding == b"identity":
            return pieces
        if self._unpacker is None:
            self._unpacker = Unpacker(encoding.decode("latin-1").strip().lower())
        # Together: the bound is one for all that came at once.
        return [self._unpacker.feed(b"".join(pieces))]

    def _check_limit(self) -> None:
        if self._limit is not None and self._size > self._limit:
            self._give_up(_too_long(self._limit))

    def _taken(self) -> bytes:
        pieces, self._pieces, self._size = self._pieces, [], 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def _wait(self) -> None:
        if self.error is not None:
            raise copy.copy(self.error)
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter


@lru_cache(maxsize=64)
def _media_type(header: bytes) -> str:
    return header.decode("latin-1").partition(";")[0].strip().lower()


def _too_long(limit: int) -> AnswerError:
    return AnswerError(f"its answer is longer than {limit} bytes")


def _discard(_data: bytes) -> None:
    """Take bytes that are not needed."""
