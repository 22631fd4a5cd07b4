"""A stream is read to its end, or to the end of the answer in it, and a slow client holds the engine back."""

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from hostd.backends.http.errors import ConnectionLostError
from hostd.dialects.openai.stream import OpenAiStream
from hostd.gateway.forwarding.downstream import ClientGoneError, Downstream
from hostd.gateway.forwarding.stream_relay import FORMAL_END, StreamReading, StreamRelay
from tests.backends.http.transport import Exchange
from tests.virtual_time import in_virtual_time

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
WORD = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"
COMMENT = b": ping\n\n"
END, BREAK = b"", b"break"

Pieces = list[tuple[float, bytes]]


def chunk(data: bytes) -> bytes:
    """Return *data* as a chunk; nothing is the last one."""
    return b"%x\r\n%b\r\n" % (len(data), data)


async def send(exchange: Exchange, pieces: Pieces) -> None:
    """Have the engine send each piece after its delay in seconds, then end or break off if that is the last."""
    for delay, data in pieces:
        await asyncio.sleep(delay)
        if data == BREAK:
            exchange.feed(close=True)
        else:
            exchange.feed(chunk(data))


async def read(*pieces: tuple[float, bytes], choices: int = 1) -> tuple[bytes, float]:
    """Return what is read of a stream of *pieces*, and for how many seconds."""
    exchange = Exchange(reads=False)
    exchange.feed(HEAD)
    reader, taken = OpenAiStream("m", choices=choices), [b""]

    def take(data: bytes) -> None:
        reader.feed(data)
        taken.append(data)

    clock = asyncio.get_running_loop().time
    began = clock()
    sending = asyncio.create_task(send(exchange, list(pieces)))
    try:
        await StreamReading(exchange.response, reader, take).run()
    finally:
        sending.cancel()
    return b"".join(taken), clock() - began


@pytest.mark.parametrize(
    ("pieces", "choices", "seconds"),
    [
        ([(0, WORD), (30, WORD), (0, STOP), (0, END)], 1, 30.0),
        ([(0, WORD), (7, STOP + DONE)], 1, 7.0),
        ([(0, WORD), (0, STOP)], 1, FORMAL_END),
        ([(0, WORD), (0, STOP), *[(0.3, COMMENT)] * 20], 1, FORMAL_END),
        ([(0, STOP), (0.8, WORD), (0, STOP)], 1, 0.8 + FORMAL_END),
        ([(0, STOP), (60, STOP.replace(b":0", b":1"))], 2, 60 + FORMAL_END),
    ],
    ids=["closed", "done", "open", "comments", "goes on", "two choices"],
)
@in_virtual_time
async def test_reads_to_the_end(pieces: Pieces, choices: int, seconds: float) -> None:
    """Of the stream, or of the answer and a moment; comments do not prolong that, and all choices are waited for."""
    assert seconds == pytest.approx((await read(*pieces, choices=choices))[1])


@in_virtual_time
async def test_a_break_matters_only_before_the_answer_is_complete() -> None:
    """And where the engine has taken back its word that it was."""
    assert WORD + STOP == (await read((0, WORD), (0, STOP), (0, BREAK)))[0]
    for pieces in ([(0, WORD)], [(0, STOP), (0, WORD), (0, STOP)]):
        with pytest.raises(ConnectionLostError):
            await read(*pieces, (0, BREAK))
    with pytest.raises(ConnectionLostError):
        await read((0, STOP), (0, BREAK), choices=2)


class Client:
    """The client's end: *slow* seconds pass until it has read what was sent; *gone* has closed its end."""

    def __init__(self, slow: float = 0.0, *, gone: bool = False) -> None:
        self.begun = False
        self.sent = b""
        self._slow = slow
        self._gone = gone

    async def send(self, events: bytes) -> None:
        """Begin the answer."""
        self.begun = True
        self.sent += events

    async def send_aside(self, events: bytes) -> None:
        """Send what is no part of the answer."""
        self.sent += events

    def push(self, events: bytes) -> bool:
        """Send at once; return whether it has been read."""
        if self._gone:
            raise ClientGoneError
        self.sent += events
        return not self._slow

    async def drain(self) -> None:
        """Wait until it has been read."""
        await asyncio.sleep(self._slow)


async def relayed(
    client: Client, pieces: Pieces, progressed: Callable[[], None] = lambda: None
) -> tuple[bytes, Exchange]:
    """Return the last events of a stream that is relayed to *client*."""
    exchange = Exchange(reads=False)
    exchange.feed(HEAD)
    relay = StreamRelay(exchange.response, OpenAiStream("m", choices=1), cast("Downstream", client), progressed)
    sending = asyncio.create_task(send(exchange, pieces))
    try:
        await relay.run()
    finally:
        sending.cancel()
    assert not relay.sending
    return relay.last, exchange


@in_virtual_time
async def test_nothing_is_lost_or_sent_twice() -> None:
    """Every event goes out once, in order; the last ones are left to be sent together with the end."""
    client = Client()
    last, _ = await relayed(client, [(0, COMMENT), (0, WORD), (0, WORD), (1, WORD), (0, STOP), (0, DONE)])
    assert 3 == client.sent.count(b'"content":"a"')
    assert last.endswith(DONE)
    whole, _ = await relayed(Client(), [(0, WORD + STOP + DONE)])
    assert 1 == whole.count(b'"content":"a"')


@in_virtual_time
async def test_a_slow_client_holds_the_engine_back() -> None:
    """The engine's connection is not read meanwhile, and the time counts as progress once it is over."""
    client, times = Client(slow=50.0), list[float]()
    clock = asyncio.get_running_loop().time
    began = clock()
    _, exchange = await relayed(
        client, [(0, WORD), (0, WORD), (200, STOP + DONE)], lambda: times.append(clock() - began)
    )
    assert 50.0 in times
    assert exchange.response.status == 200


@in_virtual_time
async def test_a_client_that_has_gone_ends_the_stream() -> None:
    """The attempt hears of it, not the engine's connection."""
    with pytest.raises(ClientGoneError):
        await relayed(Client(gone=True), [(0, WORD), (0, WORD), (60, WORD)])


@in_virtual_time
async def test_an_answer_that_fails_at_once_leaves_nothing_sent() -> None:
    """So that another target may still answer."""
    client = Client()
    last, _ = await relayed(client, [(0, b'data: {"error":{"message":"no"}}\n\n')])
    assert (b"", b"", False) == (last, client.sent, client.begun)
