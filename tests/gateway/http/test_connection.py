"""What a client starts must come to its end: heads in seconds, bodies as fast as any link, idle connections not for ever."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from hostd.domain.errors import RequestError
from hostd.gateway.http.connection import (
    BODY_STEP,
    BODY_TIME,
    HEAD_TIME,
    IDLE_TIME,
    PATIENCE,
    UNREAD_TIME,
    ClientConnection,
    Phase,
)
from hostd.gateway.http.connections import Connections
from tests.virtual_time import in_virtual_time

POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Wire(asyncio.Transport):
    """A client's end without a socket, so that hours pass in no time."""

    def __init__(self, connection: ClientConnection, *, peer: str = "127.0.0.1") -> None:
        super().__init__({"peername": (peer, 50000)})
        self.connection = connection
        self.sent = b""
        self.closed = False
        self.unsent = 0
        connection.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep what the client would get."""
        self.sent += bytes(data)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Keep what the client would get."""
        self.sent += b"".join(list_of_data)

    def close(self) -> None:
        """End the connection."""
        if not self.closed and not self.unsent:
            self.closed = True
            asyncio.get_running_loop().call_soon(self.connection.connection_lost, None)

    def abort(self) -> None:
        """End the connection, whatever the client has not taken."""
        self.unsent = 0
        self.close()

    def get_write_buffer_size(self) -> int:
        """Return what the client has not taken."""
        return self.unsent

    def is_closing(self) -> bool:
        """Whether it has ended."""
        return self.closed

    def pause_reading(self) -> None:
        """Nothing is read ahead here."""

    def resume_reading(self) -> None:
        """Nothing is read ahead here."""

    async def send(self, data: bytes) -> None:
        """Send *data*, and let it be taken."""
        self.connection.data_received(data)
        for _ in range(5):
            await asyncio.sleep(0)


@asynccontextmanager
async def connected(release: asyncio.Event | None = None) -> AsyncIterator[Wire]:
    """Connect to a server that reads the body of a POST, and answers a GET when *release* is set."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "POST":
            try:
                return web.Response(text=f"{len(await request.read())} bytes")
            except RequestError as error:
                return web.Response(status=error.status)
        if release is not None:
            await release.wait()
        return web.Response(text="hello")

    server = Connections(answer)
    wire = Wire(server())
    try:
        yield wire
    finally:
        wire.close()
        await asyncio.sleep(2)


@pytest.mark.parametrize("begin", [b"", b"GET /heal", b"GET / HTTP/1.1\r\nHost: x\r\nX: "])
@in_virtual_time
async def test_a_head_that_does_not_come_is_not_waited_for(begin: bytes) -> None:
    """Whatever of it is there."""
    async with connected() as wire:
        await asyncio.sleep(0)
        if begin:
            await wire.send(begin)
        assert (Phase.HEAD if begin else Phase.OPENED) is wire.connection.phase
        await asyncio.sleep(HEAD_TIME - 1)
        assert not wire.closed
        await asyncio.sleep(3)
        assert wire.closed


@in_virtual_time
async def test_a_head_that_drips_is_not_waited_for() -> None:
    """A byte a second is no head in ten seconds."""
    async with connected() as wire:
        for byte in GET[:-2] + b"X: " + b"a" * 60:
            if wire.closed:
                break
            await wire.send(bytes([byte]))
            await asyncio.sleep(1)
        assert wire.closed


@in_virtual_time
async def test_a_second_head_has_its_time_from_its_first_byte() -> None:
    """A connection that was kept may rest before it goes on, but not in the middle."""
    async with connected() as wire:
        await wire.send(GET)
        await asyncio.sleep(IDLE_TIME - 20)
        assert Phase.IDLE is wire.connection.phase
        await wire.send(GET)
        assert 2 == wire.sent.count(b"hello")
        await asyncio.sleep(30)
        await wire.send(b"GET / HT")
        await asyncio.sleep(HEAD_TIME + 2)
        assert wire.closed


@in_virtual_time
async def test_an_idle_connection_is_closed() -> None:
    """After a good minute."""
    async with connected() as wire:
        await wire.send(GET)
        await asyncio.sleep(IDLE_TIME - 2)
        assert not wire.closed
        await asyncio.sleep(5)
        assert wire.closed


@pytest.mark.parametrize("drip", [0, 1, 200])
@in_virtual_time
async def test_a_body_that_does_not_come_on_is_given_up(drip: int) -> None:
    """408 in the dialect of the path, in the time that a link would bring it in."""
    async with connected() as wire:
        await wire.send(POST + b"Content-Length: 1000000\r\n\r\n{")
        began = asyncio.get_running_loop().time()
        while not wire.closed:
            assert asyncio.get_running_loop().time() - began < BODY_TIME + 5
            if drip:
                await wire.send(b" " * drip)
            await asyncio.sleep(1)
        head, _, body = wire.sent.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 ")
        assert b"x-request-id: " in head
        assert "request_timeout" == json.loads(body)["error"]["code"]


@in_virtual_time
async def test_a_large_body_on_a_slow_link_goes_through() -> None:
    """Hours, if need be: what counts is that it comes on."""
    async with connected() as wire:
        size = 40 * BODY_STEP
        await wire.send(POST + f"Content-Length: {size}\r\n\r\n".encode())
        for _ in range(40):
            assert not wire.closed
            await wire.send(b" " * BODY_STEP)
            await asyncio.sleep(BODY_TIME - 2)
        assert b"200 OK" in wire.sent


@in_virtual_time
async def test_an_answer_may_take_hours() -> None:
    """No clock runs while it is made."""
    release = asyncio.Event()
    async with connected(release) as wire:
        await wire.send(GET)
        await asyncio.sleep(5 * 3600)
        assert Phase.ANSWER is wire.connection.phase
        assert not wire.closed
        release.set()
        await asyncio.sleep(0.1)
        assert b"hello" in wire.sent


@in_virtual_time
async def test_who_does_not_need_the_body_is_not_disturbed() -> None:
    """An answer that does not depend on a body that never comes is made; only then the connection ends."""
    release = asyncio.Event()
    async with connected(release) as wire:
        await wire.send(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
        await asyncio.sleep(10 * BODY_TIME)
        release.set()
        await asyncio.sleep(0.5)
        assert Phase.LEFTOVER is wire.connection.phase
        await asyncio.sleep(15)
        assert b"hello" in wire.sent
        assert wire.closed


@in_virtual_time
async def test_a_client_that_takes_nothing_is_not_waited_for() -> None:
    """As long as it takes a byte now and then it may be slow."""
    async with connected(asyncio.Event()) as wire:
        await wire.send(GET)
        wire.unsent = 100_000
        for _ in range(10):
            await asyncio.sleep(UNREAD_TIME - 5)
            assert not wire.closed
            wire.unsent -= 1
        await asyncio.sleep(PATIENCE + 5)
        assert Phase.UNREAD is wire.connection.phase
        await asyncio.sleep(UNREAD_TIME)
        assert wire.closed


@in_virtual_time
async def test_a_closed_connection_is_gone_although_its_client_takes_nothing() -> None:
    """What was written is not kept for ever."""
    async with connected() as wire:
        await wire.send(b"GET / HT")
        wire.unsent = 100
        wire.connection.force_close()
        assert not wire.closed
        await asyncio.sleep(15)
        assert wire.closed


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"\x16\x03\x01 no request\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 431, "head_too_long"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431, "head_too_long"),
        (POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "bad_request"),
    ],
)
@in_virtual_time
async def test_what_is_no_request_is_refused_in_our_words(data: bytes, status: int, code: str) -> None:
    """Over HTTP/1.1, as JSON with an id, without a word of what was sent, which may hold a key."""
    async with connected() as wire:
        await wire.send(data)
        head, _, body = wire.sent.partition(b"\r\n\r\n")
        assert head.startswith(f"HTTP/1.1 {status} ".encode())
        assert b"application/json" in head
        assert b"x-request-id: " in head
        assert code == json.loads(body)["error"]["code"]
        assert b"aaaa" not in body
        await asyncio.sleep(1)
        assert wire.closed


@in_virtual_time
async def test_requests_that_came_together_hold_up_nobody() -> None:
    """However many a client pipelines, others have their turn after each answer."""
    async with connected() as wire:
        await asyncio.sleep(0)
        wire.connection.data_received(GET * 8)
        answered = []
        while wire.sent.count(b"hello") < 8:
            await asyncio.sleep(0)
            answered.append(wire.sent.count(b"hello"))
        assert max(after - before for before, after in zip([0, *answered], answered, strict=False)) == 1
