"""The client's end of a stream: opened late, kept alive while it waits, never ended as if complete when it is not."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from aiohttp import web

from hostd.dialects import registry
from hostd.domain.errors import Bug, HostdError
from hostd.domain.server_settings import KeepAliveForm
from hostd.gateway.context import RequestContext
from hostd.gateway.forwarding.timeouts import NEVER, TimeoutMonitor
from hostd.gateway.http import error_responses
from hostd.gateway.http.answers import StreamedAnswer

_UNREAD = 64 * 1024
"""Bytes that may wait to be read by a client before its engine has to wait, too."""


class ClientGoneError(Exception):
    """The client has closed its end, so that there is no one to answer."""


class Downstream:
    """Sends one streamed answer.

    The status line is held back until there is something to send, so that a failure can still be reported by a status. A client
    that has waited *first* seconds is sent the head of the answer with a keep-alive, and another each *every* seconds, in the
    *form* that the owner has chosen: a comment says what *waiting_for* returns. *begun* says that a part of the answer itself has
    been sent, and *error_event* writes what ends an answer that will not be whole. *keep*, if
    set, is given the last events of a whole one.
    """

    def __init__(
        self,
        ctx: RequestContext,
        timeouts: TimeoutMonitor,
        every: float,
        waiting_for: Callable[[], str],
        *,
        first: float,
        form: KeepAliveForm,
    ) -> None:
        self.begun = False
        self.response: StreamedAnswer | None = None
        self._ctx = ctx
        self._dialect = registry.client_dialect(ctx.dialect)
        self.error_event = self._dialect.error_event
        self._timeouts = timeouts
        self._every = every
        self._form = form
        self.keep: Callable[[bytes], Awaitable[None]] | None = None
        self._waiting_for = waiting_for
        self._loop = timeouts.loop
        self._announced: tuple[object, ...] = ()
        self._writing: asyncio.Task[None] | None = None
        self.due = NEVER if form is KeepAliveForm.OFF else self._loop.time() + first
        timeouts.begin(self)

    async def send(self, events: bytes) -> None:
        """Send events of the answer; from the first on, nothing else is sent.

        Raises:
            ClientGoneError: The client has closed its end.
        """
        if not self.begun:
            events = await self._begin(events)
        try:
            await self._opened.write(events)
        except ConnectionError as error:
            raise ClientGoneError from error

    def push(self, events: bytes) -> bool:
        """Send events of an answer that has begun, at once; return False when the client should be waited for (`drain`).

        Raises:
            ClientGoneError: The client has closed its end.
        """
        transport = self._ctx.request.transport
        if transport is None:
            raise ClientGoneError
        try:
            self._opened.push(events)
        except ConnectionError as error:
            raise ClientGoneError from error
        return transport.get_write_buffer_size() <= _UNREAD

    async def drain(self) -> None:
        """Return once the client has read most of what was sent.

        Raises:
            ClientGoneError: The client has closed its end.
        """
        try:
            if self.response is not None:
                await self.response.drain()
        except ConnectionError as error:
            raise ClientGoneError from error

    async def finish(self, events: bytes) -> web.StreamResponse:
        """Send the last *events* of an answer that is complete, and the end of the response with them.

        Raises:
            ClientGoneError: The client has closed its end.
        """
        if self.keep is not None:
            # Before its client can know of it.
            await self.keep(events)
        if not self.begun:
            events = await self._begin(events)
        response = self._opened
        try:
            await response.write_eof(events)
        except ConnectionError as error:
            raise ClientGoneError from error
        return response

    async def fail(self, error: HostdError) -> web.StreamResponse:
        """End the answer with an error: as a status where the head has not gone out, else as the last event."""
        await self._stop_keep_alives()
        if self.response is None:
            return error_responses.response(error, self._ctx.dialect, self._ctx.trace)
        with contextlib.suppress(ConnectionError):
            await self.response.write_eof(self.error_event(error))
        return self.response

    async def close(self) -> None:
        """Stop the keep-alives, whatever has happened."""
        await self._stop_keep_alives()

    def look(self, _now: float) -> None:
        """Begin to write a keep-alive; the timer of `TimeoutMonitor` calls this when it is due."""
        self.due = NEVER
        self._writing = self._loop.create_task(self._keep_alive())

    def excuse(self, seconds: float) -> None:
        """Leave the next keep-alive where it was: the later the loop comes to it, the more it is needed."""

    async def send_aside(self, events: bytes) -> None:
        """Send *events* that are no part of the answer, which may still come from another target.

        Raises:
            ClientGoneError: The client has closed its end.
        """
        try:
            await self._open()
            await self._opened.write(events)
        except ConnectionError as error:
            raise ClientGoneError from error

    @property
    def _opened(self) -> StreamedAnswer:
        if self.response is None:
            raise Bug("a stream must begin before it goes on")
        return self.response

    async def _begin(self, events: bytes) -> bytes:
        """Open the response; return *events* with what else must be sent before the answer."""
        self.begun = True
        await self._stop_keep_alives()
        trace = self._ctx.trace
        if self.response is not None and self._announced != trace.announced:
            # The head was sent before it was known which model would answer, and what.
            events = self._dialect.keep_alive(trace.in_a_comment()) + events
        await self._open()
        return events

    async def _open(self) -> None:
        if self.response is not None:
            return
        trace = self._ctx.trace
        self._announced = trace.announced
        response = StreamedAnswer(
            f"{trace.lines()}Content-Type: {self._dialect.stream_type}\r\nCache-Control: no-cache\r\nX-Accel-Buffering: no\r\n"
        )
        await response.prepare(self._ctx.request)
        self.response = response

    async def _keep_alive(self) -> None:
        await self._open()
        comments = self._form is KeepAliveForm.COMMENT
        sign = self._dialect.keep_alive(self._waiting_for()) if comments else self._dialect.idle_event()
        await self._opened.write(sign)
        self.due = self._loop.time() + self._every
        self._timeouts.expect(self.due)

    async def _stop_keep_alives(self) -> None:
        self._timeouts.end(self)
        if self._writing is not None:
            # One that is being written is let finish: half of one would spoil what follows.
            writing, self._writing = self._writing, None
            await asyncio.gather(writing, return_exceptions=True)
