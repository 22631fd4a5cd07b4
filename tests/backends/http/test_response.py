"""How an answer is read: whole up to a limit, piece by piece, or handed to a callback."""

import asyncio
import contextlib
import gc
import weakref

import pytest

from hostd.backends.http.errors import AnswerError, ConnectionLostError, ExchangeError
from hostd.backends.http.response import ROOM, Response
from tests.backends.http.transport import Exchange

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


def begun(size: int) -> Exchange:
    """Return an exchange whose answer of *size* bytes is about to come, and that no callback reads."""
    exchange = Exchange(reads=False)
    exchange.feed(HEAD % size)
    return exchange


async def test_a_whole_answer_has_a_limit() -> None:
    """One byte more than allowed ends the connection instead of filling the memory."""
    exchange = begun(10)
    reading = asyncio.create_task(exchange.response.read(9))
    await asyncio.sleep(0)
    exchange.feed(b"x" * 10)
    with pytest.raises(AnswerError, match="longer than 9 bytes"):
        await reading
    assert exchange.transport.closed
    exchange = begun(9)
    exchange.feed(b"x" * 9)
    assert b"x" * 9 == await exchange.response.read(9)


async def test_the_server_waits_for_a_slow_reader() -> None:
    """Bytes that are not taken hold the server back, and taking them lets it go on; nothing is lost."""
    exchange = begun(3 * ROOM)
    exchange.feed(b"x" * (ROOM + 1))
    assert not exchange.transport.reading
    assert ROOM + 1 == len(await exchange.response.some())
    reading = asyncio.create_task(exchange.response.some())
    await asyncio.sleep(0)
    assert exchange.transport.reading
    exchange.feed(b"x")
    assert b"x" == await reading


async def test_a_connection_that_was_paused_at_the_end_reads_on() -> None:
    """A reader that had enough before the end does not leave the connection deaf for the next request."""
    exchange = begun(5)
    exchange.response.deliver(lambda _data: exchange.response.pause())
    exchange.feed(b"hello")
    assert ([exchange.connection], True) == (exchange.idle, exchange.transport.reading)


async def test_giving_an_answer_up_closes_its_connection() -> None:
    """So the server stops generating; what came is dropped, and nothing can be read any more."""
    exchange = begun(5)
    exchange.feed(b"he")
    exchange.response.close()
    assert exchange.transport.closed
    with pytest.raises(ConnectionLostError):
        await exchange.response.some()


async def test_an_answer_that_is_left_has_a_moment_to_end() -> None:
    """Its formal end makes the connection usable again; without it, the connection is closed."""
    exchange = begun(5)
    exchange.response.leave(60.0)
    exchange.feed(b"hello")
    assert [exchange.connection] == exchange.idle
    late = begun(5)
    late.response.leave(0.0)
    await asyncio.sleep(0.01)
    assert late.transport.closed


@pytest.mark.parametrize("end", ["broken", "too long"])
async def test_nothing_holds_a_body_after_a_failure(end: str) -> None:
    """An answer that failed is freed at once, without a collection: no exception keeps its frames alive."""
    gc.collect()
    gc.disable()
    try:
        freed = await _failed(end)
        # The task that read it is freed in the loop's next turn.
        await asyncio.sleep(0)
        assert freed() is None
    finally:
        gc.enable()


async def _failed(end: str) -> "weakref.ref[Response]":
    exchange = begun(1 << 20)
    exchange.feed(b"x" * 1000)
    if end == "broken":
        asyncio.get_running_loop().call_soon(lambda: exchange.feed(close=True))
    with contextlib.suppress(ExchangeError):
        await exchange.response.read(500 if end == "too long" else 1 << 21)
    return weakref.ref(exchange.response)
