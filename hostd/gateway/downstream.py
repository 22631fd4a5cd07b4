"""The client's end of a stream: opened late, kept alive while it waits, never ended as if complete when it is not."""

import asyncio
import contextlib
from collections.abc import Callable

from aiohttp import web

from hostd.domain.errors import Bug, HostdError
from hostd.gateway import problems
from hostd.gateway.request_trace import RequestTrace


class ClientGoneError(Exception):
    """The client has closed its end; there is nobody left to answer."""


class Downstream:
    """Sends one streamed answer.

    The status line is held back until there is something to say, so that a failure can still be told by a status. A client that
    has waited *every* seconds gets the head of the answer and then a comment each *every* seconds (*news* says what to write).
    """

    def __init__(self, request: web.BaseRequest, trace: RequestTrace, every: float, news: Callable[[], str]) -> None:
        self._request = request
        self._trace = trace
        self._every = every
        self._news = news
        self._loop = asyncio.get_running_loop()
        self._told: tuple[str, str] | None = None
        self._beating: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(every, self._beat)
        self.response: web.StreamResponse | None = None

    @property
    def opened(self) -> bool:
        """Whether the status line has gone out, so that only the stream itself can tell of a failure."""
        return self.response is not None

    async def begin(self, events: bytes) -> None:
        """Send the first events of the answer; from now on nothing is sent but what is given."""
        await self._stop_beating()
        if self.response is not None and self._told != (self._trace.model, self._trace.route):
            # The head went out before it was known who would answer.
            events = f": x-hostd-model={self._trace.model} x-hostd-route={self._trace.route}\n\n".encode() + events
        await self._open()
        await self.send(events)

    async def send(self, events: bytes) -> None:
        """Send further events.

        Raises:
            ClientGoneError: Nobody listens any more.
        """
        if self.response is None:
            raise Bug("a stream must begin before it goes on")
        try:
            await self.response.write(events)
        except ConnectionError as error:
            raise ClientGoneError from error

    async def fail(self, error: HostdError) -> web.StreamResponse:
        """End the answer with an error: as a status where the head has not gone out, else as the last event."""
        await self._stop_beating()
        if self.response is None:
            return problems.response(error, self._trace)
        with contextlib.suppress(ClientGoneError):
            await self.send(problems.event(error))
        return await self.end(self.response)

    async def finish(self) -> web.StreamResponse:
        """End an answer that is complete."""
        if self.response is None:
            raise Bug("a stream must begin before it ends")
        return await self.end(self.response)

    @staticmethod
    async def end(response: web.StreamResponse) -> web.StreamResponse:
        """Close the stream and return the response for aiohttp."""
        with contextlib.suppress(ConnectionError):
            await response.write_eof()
        return response

    async def close(self) -> None:
        """Leave no timer behind, whatever happened."""
        await self._stop_beating()

    async def _open(self) -> None:
        if self.response is not None:
            return
        headers = self._trace.headers()
        headers["Content-Type"] = "text/event-stream"
        headers["Cache-Control"] = "no-cache"
        headers["X-Accel-Buffering"] = "no"
        self._told = (self._trace.model, self._trace.route)
        response = web.StreamResponse(headers=headers)
        try:
            await response.prepare(self._request)
        except ConnectionError as error:
            raise ClientGoneError from error
        self.response = response

    def _beat(self) -> None:
        self._beating = self._loop.create_task(self._write_news())

    async def _write_news(self) -> None:
        await self._open()
        await self.send(f": {self._news()}\n\n".encode())
        self._timer = self._loop.call_later(self._every, self._beat)

    async def _stop_beating(self) -> None:
        self._timer.cancel()
        if self._beating is not None:
            # A comment that is being written is let finish: half of one would spoil what follows.
            beating, self._beating = self._beating, None
            await asyncio.gather(beating, return_exceptions=True)
            self._timer.cancel()
