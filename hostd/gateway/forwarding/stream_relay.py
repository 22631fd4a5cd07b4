"""A stream of an upstream, handed on within the callback that receives its bytes.

The task of the attempt sleeps meanwhile. It is woken by the end, and by what no callback can do: to open the answer to the client,
and to wait for a client that reads more slowly than the engine writes. Some servers leave a complete stream open, or break it off.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable

from hostd.backends.http.errors import ExchangeError
from hostd.backends.http.response import Response
from hostd.dialects.base import StreamReader, StreamTranslator
from hostd.gateway.forwarding.downstream import ClientGoneError, Downstream

FORMAL_END = 1.0
"""Seconds that an engine has, once its answer is complete, to end it formally; then its connection is not used again."""


Rewrite = Callable[[bytes], bytes]
"""Returns the bytes of an upstream as the reader of its stream is to have them."""


class StreamFeed(ABC):
    """Hands the bytes of *response* on, by *rewrite* if need be, until its end or until *reader* needs no more.

    A subclass says what becomes of them. After `hold`, the server has to wait until `_wait` is done.
    """

    def __init__(self, response: Response, reader: StreamReader, rewrite: Rewrite | None = None) -> None:
        self._response = response
        self._reader = reader
        self._rewrite = rewrite
        self._held = False
        self._over = False
        self._known = -1
        self._timer: asyncio.TimerHandle | None = None

    @abstractmethod
    def _take(self, data: bytes) -> None:
        """Take *data*, which has just come."""

    async def _wait(self) -> None:  # noqa: B027 - what is only read never holds its server
        """Do what the server has to wait for."""

    def hold(self) -> None:
        """Let the server wait."""
        self._held = True
        self._response.pause()
        self._response.nudge()

    def stop(self) -> None:
        """Take no more."""
        self._over = True
        self._response.pause()
        self._response.nudge()

    async def run(self) -> None:
        """Return at the end of the response, or when nothing more is needed of it, or a moment after the answer was complete.

        Raises:
            ExchangeError: The response broke off before the answer was complete.
        """
        response = self._response
        response.deliver(self._arrived)
        try:
            while True:
                if self._held:
                    # Also at the end: what was held back has still to go out.
                    await self._wait()
                    self._held = False
                    response.resume()
                elif self._over or response.is_complete:
                    return
                else:
                    await response.change()
        except ExchangeError:
            if not self._reader.settled:
                raise
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _arrived(self, data: bytes) -> None:
        if self._over:
            return
        self._take(data if self._rewrite is None else self._rewrite(data))
        reader = self._reader
        if reader.done or reader.failure:
            self.stop()
        elif reader.complete and reader.events != self._known:
            self._known = reader.events
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(FORMAL_END, self.stop)


class StreamReading(StreamFeed):
    """Gives the bytes of *response* to *taking* alone, which has *reader* read them."""

    def __init__(
        self, response: Response, reader: StreamReader, taking: Callable[[bytes], None], rewrite: Rewrite | None = None
    ) -> None:
        super().__init__(response, reader, rewrite)
        self._taking = taking

    def _take(self, data: bytes) -> None:
        self._taking(data)


class StreamRelay(StreamFeed):
    """Passes the events of *response*, by *rewrite* if need be, through *translator* to *down*.

    *progressed* is called for each read in which the upstream showed that it works. *sending* says that the client is waited for.
    """

    def __init__(
        self,
        response: Response,
        translator: StreamTranslator,
        down: Downstream,
        progressed: Callable[[], None],
        rewrite: Rewrite | None = None,
    ) -> None:
        super().__init__(response, translator, rewrite)
        self.sending = False
        self.last = b""
        self._translator = translator
        self._down = down
        self._progressed = progressed
        self._first = b""
        self._aside = b""
        self._gone = False

    async def run(self) -> None:
        """Return when the stream is at its end; the events with which the translator was done are `last`, and not sent yet.

        Raises:
            ExchangeError: The response broke off.
            ClientGoneError: The client has closed its end.
        """
        await super().run()
        if self._gone:
            raise ClientGoneError

    def _take(self, data: bytes) -> None:
        translator = self._translator
        known = translator.signs
        events = translator.feed(data)
        if translator.signs > known:  # an engine that is stuck may go on sending comments
            self._progressed()
        if not self._down.begun:
            self._aside += translator.take_aside()
        if translator.done:
            self.last = self._aside + self._first + events
            self._aside = self._first = b""
        elif not self._down.begun:
            # An answer that has failed before anything of it was sent may still come from another target.
            self._first = b"" if translator.failure else self._first + events
            if self._first or self._aside:
                self.hold()
        elif events:
            self._push(events)

    def _push(self, events: bytes) -> None:
        try:
            if not self._down.push(events):
                self.hold()
        except ClientGoneError:
            # Raised where the attempt waits, since this runs in the engine's connection.
            self._gone = True
            self.stop()

    async def _wait(self) -> None:
        """Do what must be waited for: open the answer, or have the client read."""
        self.sending = True
        aside, self._aside = self._aside, b""
        first, self._first = self._first, b""
        if aside:
            await self._down.send_aside(aside)
        if first:
            await self._down.send(first)
        elif not aside:
            await self._down.drain()
        self.sending = False
        # The engine was not asked for more meanwhile, so that time is none in which it stalled.
        self._progressed()
