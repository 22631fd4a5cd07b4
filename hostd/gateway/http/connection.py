"""One client's connection, and the clocks on it: nothing that a client starts may stay half done for ever.

A clock runs while a head or a body is on its way, while nothing is, and while a client takes nothing of an answer that is there for
it. None runs while an answer is made or sent: streams live for hours.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import IntEnum
from typing import Any

import structlog
from aiohttp import HttpVersion11, StreamReader, web
from aiohttp.http import RawRequestMessage, StreamWriter
from aiohttp.web_protocol import ERROR, PayloadAccessError, RequestHandler, RequestPayloadError
from aiohttp.web_server import Server

from hostd.dialects import registry
from hostd.domain.errors import RequestError
from hostd.gateway.forwarding.request_trace import RequestTrace, request_id
from hostd.gateway.http import cors, error_responses
from hostd.gateway.http.answers import WholeAnswer
from hostd.gateway.http.plain_answer import raw_answer, refusal
from hostd.gateway.http.repeated_head import ParsedHeads

log = structlog.get_logger()

HEAD_TIME = 10.0
"""Seconds from the opening of a connection, or from the first byte of a next head, to the head's end."""
IDLE_TIME = 75.0
"""Seconds that a connection is kept for a next request; nginx keeps its clients for as long."""
BODY_TIME = 20.0
"""Seconds in which a body must get on by `BODY_STEP`, or be over. A bound on the whole would refuse large ones on slow links."""
BODY_STEP = 20 * 1024
"""Bytes in `BODY_TIME`: 1 KiB a second, which a link that is worth using does even when it is shared."""

UNREAD_TIME = 300.0
"""Seconds in which a client must take at least a byte of an answer that waits for it; a suspended one may come back until then."""
PATIENCE = 3.0
"""Seconds after which such a client's place may go to a newcomer, where there is no other."""
_FLUSH_TIME = 10.0

_LONGEST_PATH = 200
_UNSENT = -1
_OVER = PayloadAccessError()

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Phase(IntEnum):
    """What a connection is used for, in the order in which connections are closed when a newcomer needs a place."""

    OPENED = 0
    HEAD = 1
    LEFTOVER = 2
    IDLE = 3
    BODY = 4
    UNREAD = 5
    ANSWER = 6


class ClientConnection(RequestHandler):
    """A connection that knows what it waits for and since when, so that `Connections` can close it.

    *resolved* is what the server has found out about the head of its last request, which the next one may repeat.
    """

    __slots__ = ("_head_since", "_heads", "_mark", "_opened_at", "_refused_head", "by_name", "peer", "resolved")

    def __init__(self, server: Server, **options: Any) -> None:
        # A body stays packed until it is known how large it may become.
        # What aiohttp's own server passes to say that there is no access log; one would be made for each connection.
        options["access_log"] = None
        super().__init__(server, keepalive_timeout=IDLE_TIME, auto_decompress=False, **options)
        self.peer = ""
        self.by_name = True
        self.resolved: object = None
        self._opened_at = self._loop.time()
        self._head_since: float | None = None
        self._mark = (_UNSENT, 0, 0.0)
        self._refused_head = b""
        self._heads = ParsedHeads()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, and note whether it was reached by a name, and not by the path of a socket."""
        # Asked once: the system would be asked each time.
        self.by_name = not isinstance(transport.get_extra_info("sockname"), str)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Hand *data* to the parser unless its head was parsed before, and take down when a head began."""
        if self._heads.last is not None and self._take_repeated(data):
            return
        heads, waits = self._request_count, self._waiter is not None or not self._request_count
        super().data_received(data)
        if self._request_count != heads:
            self._head_since = None
            self._refused_head = data[:_LONGEST_PATH]
            self._break_body()
        elif waits and data and self._head_since is None:
            self._head_since = self._loop.time()
        if data:
            self._heads.parsed(data, self._messages[-1][0] if self._messages else None, self._request_count - heads)

    def _take_repeated(self, data: bytes) -> bool:
        """Take the request that *data* is, if its head was parsed before; return whether it is."""
        waiter = self._waiter
        waits = waiter is not None and not waiter.done() and not (self._messages or self._close or self._force_close)
        if not waits or waiter is None or (found := self._heads.request_in(data)) is None:
            return False
        self._request_count += 1
        self._messages.append(found)
        waiter.set_result(None)
        return True

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Read on where reading was paused; aiohttp asks for it with each body, and would have nothing parsed anew."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    async def start(self) -> None:
        """Answer one request after the other, in the task of the connection.

        aiohttp has another task for each of them, so that each has context variables of its own, which hostd has no use for; it
        takes a turn of the loop before the handler begins, and one after it has ended.
        """
        while not self._force_close:
            if not self._messages:
                self._waiter = self._loop.create_future()
                try:
                    await self._waiter
                finally:
                    self._waiter = None
            if not await self._answer_next():
                break
            if self._messages:
                # Of requests that came together one is answered in each turn of the loop: hundreds would hold up all others.
                await asyncio.sleep(0)
        if not self._force_close:
            self._task_handler = None
            if self.transport is not None:
                self.transport.close()

    async def _answer_next(self) -> bool:
        """Answer the next request; return whether the connection is kept for another."""
        message, payload = self._messages.popleft()
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()
        if self._request_factory is None or self._request_handler is None:
            return False
        handler = self._request_handler
        if not isinstance(message, RawRequestMessage):
            handler, message = self._make_error_handler(message), ERROR
        request = self._request_factory(
            message,
            payload,
            self,
            StreamWriter(self, self._loop),
            self._task_handler or asyncio.current_task(),  # type: ignore[arg-type]
        )
        try:
            return await self._answer(request, handler, payload)
        except ConnectionError:
            return False
        except Exception:
            log.exception("bug", path=request.path[:_LONGEST_PATH])
            self.force_close()
            return False
        except BaseException:
            self.force_close()
            raise
        finally:
            # What has failed refers to its request, and that to the task, which refers to what has failed.
            request._task = None  # type: ignore[assignment]  # noqa: SLF001

    async def _answer(self, request: web.BaseRequest, handler: Handler, payload: StreamReader) -> bool:
        self._request_in_progress = True
        try:
            self._current_request = request
            try:
                response = await handler(request)
            finally:
                self._current_request = None
            if isinstance(response, WholeAnswer) and not self._upgraded:
                response.send(request)
                if self._paused:
                    await response.drain()
            else:
                response, gone = await self.finish_response(request, response, None)
                if gone:
                    return False
        finally:
            self._request_in_progress = False
            if self._handler_waiter is not None:
                self._handler_waiter.set_result(None)
        self._keepalive = bool(response.keep_alive)
        if not payload.is_eof():
            await self._read_leftover(payload)
        payload.set_exception(_OVER)
        if not self._keepalive or self._close or self._force_close:
            return False
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)
        return True

    async def _read_leftover(self, payload: StreamReader) -> None:
        """Read for a while what a client sends of a body that nobody needed: closed at once, it might never read the answer."""
        if not self._force_close:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._lingering_time):
                    while not payload.is_eof():
                        await payload.readany()
        if not payload.is_eof() and not self._force_close:
            self.close()

    def _break_body(self) -> None:
        """Tell who reads a body in whose midst something new has begun: its chunks are broken, and aiohttp keeps that for later."""
        request = self._current_request
        if request is not None and not request.content.is_eof() and request.content.exception() is None:
            request.content.set_exception(RequestPayloadError())

    @property
    def phase(self) -> Phase:
        """What it is used for."""
        request = self._current_request
        if request is not None and _awaits_body(request):
            return Phase.BODY
        unsent = self._unsent
        if request is None and not self._messages and not unsent:
            return self._phase_between_requests()
        unread = unsent and self._mark[:2] == (_UNSENT, unsent) and self._loop.time() - self._mark[2] >= PATIENCE
        return Phase.UNREAD if unread else Phase.ANSWER

    def _phase_between_requests(self) -> Phase:
        if self._head_since is not None:
            return Phase.HEAD
        if not self._request_count:
            return Phase.OPENED
        # aiohttp reads on for a while what a client sends of a body that nobody needed.
        return Phase.LEFTOVER if self._waiter is None else Phase.IDLE

    @property
    def since(self) -> float:
        """When its phase began, a time of the loop's clock; for a body or an answer, when it last got on."""
        match self.phase:
            case Phase.OPENED:
                return self._opened_at
            case Phase.HEAD:
                return self._head_since or 0.0
            case Phase.IDLE:
                return self._next_keepalive_close_time - IDLE_TIME
            case _:
                return self._mark[2]

    def look(self, now: float) -> None:
        """Close it if what it waits for takes too long; an idle one closes itself."""
        match self.phase:
            case Phase.OPENED | Phase.HEAD if now - self.since > HEAD_TIME:
                self.force_close()
            case Phase.BODY:
                self._look_at_body(now)
            case Phase.UNREAD | Phase.ANSWER:
                self._look_at_answer(now)
            case _:
                pass

    def give_place(self) -> None:
        """Close it although it is not slow: a newcomer needs its place."""
        match self.phase:
            case Phase.BODY:
                self._give_body_up()
            case Phase.UNREAD:
                self._abort()
            case _:
                self.force_close()

    def force_close(self) -> None:
        """Close it, and do not wait for ever until the client has read what was written."""
        transport = self.transport
        super().force_close()
        if transport is not None and transport.get_write_buffer_size():
            self._loop.call_later(_FLUSH_TIME, transport.abort)

    def _look_at_body(self, now: float) -> None:
        request = self._current_request
        if request is None:
            return
        kind, received, since = self._mark
        total = request.content.total_raw_bytes
        # While reading is paused hostd is the slow one.
        if kind != id(request) or total - received >= BODY_STEP or self._reading_paused:
            self._mark = (id(request), total, now)
        elif now - since > BODY_TIME:
            self._give_body_up()

    def _look_at_answer(self, now: float) -> None:
        unsent = self._unsent
        if not unsent or self._mark[:2] != (_UNSENT, unsent):
            self._mark = (_UNSENT, unsent, now)
        elif now - self._mark[2] > UNREAD_TIME:
            self._abort()

    @property
    def _unsent(self) -> int:
        """The bytes of answers that the client's end has not taken."""
        return 0 if self.transport is None else self.transport.get_write_buffer_size()

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def _give_body_up(self) -> None:
        request = self._current_request
        if request is not None and self.transport is not None and request.writer.output_size == 0:
            slow = RequestError("the body came too slowly, or stopped", code="request_timeout", status=408)
            self.transport.write(raw_answer(slow, request.path))
        self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer to what is no request, in the dialect of the path that it was meant for.

        Raises:
            ConnectionError: Something else has been answered already.
        """
        del message  # it quotes the request, which may hold a key
        if request.writer.output_size > 0:
            raise ConnectionError
        # aiohttp takes what it cannot read for HTTP/1.0, and would have the answer say so.
        request._version = HttpVersion11  # noqa: SLF001
        words = self._refused_head.split(b" ", 2)
        path = words[1].decode("ascii", "replace") if len(words) == 3 else "/"
        trace = RequestTrace(request_id({}), fixed=cors.SAFE)
        response = error_responses.response(refusal(status, exc), registry.dialect_of(path.partition("?")[0]), trace)
        response.force_close()
        return response


def _awaits_body(request: web.BaseRequest) -> bool:
    """Return whether the answer to *request* waits for more of its body; who makes one without it is not disturbed."""
    return not request.content.is_eof() and request.content._waiter is not None  # noqa: SLF001 - it has no public word for it
