"""What a callback gets of an answer, when the server is held back for it, and what is left when the answer is over."""

import asyncio
import gc
import gzip
import weakref

import pytest

from hostd.backends.http.connection import LARGE_READ
from hostd.backends.http.errors import AnswerError, ConnectionLostError
from hostd.backends.http.response import ROOM
from tests.backends.http.transport import Exchange

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class Watched(bytearray):
    """Bytes that can be watched."""


async def test_a_sink_gets_what_waited_and_the_server_goes_on() -> None:
    """A server that had to wait while the first part was sent is asked for more once there is a sink; nobody else would do it."""
    exchange = Exchange(reads=False)
    exchange.feed(HEAD % (2 * ROOM))
    response = exchange.response
    exchange.feed(bytes(ROOM + 1))
    assert not exchange.transport.reading
    got: list[int] = []
    response.deliver(lambda data: got.append(len(data)))
    assert ([ROOM + 1], True) == (got, exchange.transport.reading)


async def test_a_sink_that_has_enough_keeps_the_server_waiting() -> None:
    """It may say so at once."""
    exchange = Exchange(reads=False)
    exchange.feed(HEAD % (2 * ROOM))
    response = exchange.response
    exchange.feed(bytes(ROOM + 1))
    response.deliver(lambda _data: response.pause())
    assert not exchange.transport.reading


async def test_a_sink_that_fails_fails_the_answer() -> None:
    """Whoever waits for the end of the answer hears of it, even where its last bytes were what could not be read."""
    exchange = Exchange()

    def fail(_data: bytes) -> None:
        raise LookupError

    exchange.response.deliver(fail)
    with pytest.raises(LookupError):
        exchange.feed(HEAD % 2 + b"{}")
    assert not exchange.response.is_complete
    with pytest.raises(AnswerError):
        await exchange.response.change()


async def test_a_packed_answer_that_breaks_off_is_an_error() -> None:
    """Its length may be right although the packer never came to its end."""
    packed = gzip.compress(b'{"text": "hello"}' * 100)[:-20]
    exchange = Exchange()
    exchange.feed(HEAD.replace(b"Type", b"Encoding").replace(b"application/json", b"gzip") % len(packed) + packed)
    assert not exchange.response.is_complete
    assert isinstance(exchange.response.error, AnswerError)


@pytest.mark.parametrize("ends", ["complete", "lost", "too long", "given up"])
async def test_nothing_holds_a_body_once_it_was_read(ends: str) -> None:
    """Neither a cycle nor an error's traceback keeps what an answer had, so that no collection is waited for."""
    gc.collect()
    gc.disable()
    try:
        response = Exchange(reads=False).response
        response.begun(200)
        reading = asyncio.create_task(response.read(3000))
        await asyncio.sleep(0)
        body = Watched(bytes(2000))
        watched = weakref.ref(body)
        response.arrived([body])  # type: ignore[list-item]
        del body
        if ends == "complete":
            response.finished([])
        elif ends == "lost":
            response.failed(ConnectionLostError("x"))
        elif ends == "too long":
            response.arrived([bytes(2000)])
        else:
            reading.cancel()
        await asyncio.wait([reading])
        if ends == "complete":
            assert 2000 == len(reading.result())
        del reading
        response.close()
        assert watched() is None
    finally:
        gc.enable()


async def test_a_flood_leaves_others_their_turn() -> None:
    """After a large read the connection rests for a turn of the loop, and for longer if the sink says so."""
    exchange = Exchange()
    exchange.feed(HEAD % (3 * LARGE_READ), bytes(LARGE_READ))
    assert not exchange.transport.reading
    await asyncio.sleep(0)
    assert exchange.transport.reading
    exchange.feed(bytes(LARGE_READ))
    exchange.response.pause()
    await asyncio.sleep(0)
    assert not exchange.transport.reading
