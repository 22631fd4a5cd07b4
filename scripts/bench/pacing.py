"""Sixteen agents that read along: what a gateway spends on each streamed chunk when tokens come one by one."""

import asyncio
from dataclasses import dataclass

from bench.gateways import Gateway
from bench.processes import BenchError, cpu_seconds
from bench.workloads import WORD, chat_body, http_request

STREAMS = 16
PACE = 100
_MARGIN = 0.6
_KEEPS_UP = 0.7


@dataclass(frozen=True)
class Paced:
    """What a window of paced streams showed; *cpu_us_per_chunk* is user and system time of the gateway alone."""

    chunks_per_second: float
    cpu_us_per_chunk: float


class _Reader(asyncio.Protocol):
    """Reads one stream to its end and counts its words: each came in a chunk of its own."""

    def __init__(self, request: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.request = request
        self.transport: asyncio.Transport | None = None
        self.words = 0
        self.tail = b""
        self.begun: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[bytes] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self.transport = transport
            transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        # the tail is shorter than the word, so nothing is counted twice, and a word cut in two is still found
        self.words += (self.tail[-3:] + data).count(WORD)
        self.tail = (self.tail + data)[-64:]
        if self.words and not self.begun.done():
            self.begun.set_result(None)
        if self.tail.endswith(b"\r\n0\r\n\r\n") and self.transport is not None:
            self.transport.abort()

    def leave(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.begun.done():
            self.begun.set_result(None)
        if not self.ended.done():
            self.ended.set_result(self.tail)


def tokens_in(seconds: float) -> int:
    """Return how many tokens each stream has that is looked at for *seconds*."""
    return round(PACE * (seconds + _MARGIN))


async def paced(gateway: Gateway, seconds: float) -> Paced:
    """Read sixteen streams of 100 tokens per second each through *gateway* and look at a window of *seconds*.

    Where *gateway* cannot keep that pace, the streams are left after the window.

    Raises:
        BenchError: A stream was not whole at its end.
    """
    loop = asyncio.get_running_loop()
    tokens = tokens_in(seconds)
    request = http_request(chat_body(gateway.model, stream=True, tokens=tokens, prompt=f"pace={PACE}"))
    readers: list[_Reader] = []
    for _ in range(STREAMS):
        _, reader = await loop.create_connection(lambda: _Reader(request), "127.0.0.1", gateway.port)
        readers.append(reader)
        # spread over one interval, as real streams are: in step, a gateway would wake up once for all sixteen
        await asyncio.sleep(1 / PACE / STREAMS)
    await asyncio.gather(*(reader.begun for reader in readers))
    members = gateway.members
    began, before, cpu = loop.time(), sum(reader.words for reader in readers), cpu_seconds(members)
    await asyncio.sleep(seconds)
    took, chunks = loop.time() - began, sum(reader.words for reader in readers) - before
    cpu = cpu_seconds(members) - cpu
    if chunks < took * STREAMS * PACE * _KEEPS_UP:
        # to wait for the ends of these streams would take very long, and tell nothing more
        for reader in readers:
            reader.leave()
        return Paced(chunks / took, cpu / max(chunks, 1) * 1e6)
    async with asyncio.timeout(seconds + 15):
        tails = await asyncio.gather(*(reader.ended for reader in readers))
    if any(b"[DONE]" not in tail for tail in tails) or any(reader.words < tokens for reader in readers):
        raise BenchError(f"{gateway.name}: a paced stream was cut short; it should have {tokens} words and [DONE]")
    return Paced(chunks / took, cpu / chunks * 1e6)
