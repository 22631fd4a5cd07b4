"""Reads an upstream's stream until its end, or until nothing more can follow: some servers leave it open, or break it off."""

import asyncio
from collections.abc import AsyncGenerator

import aiohttp

from hostd.dialects.base import AnswerAssembler, StreamTranslator

FORMAL_END = 1.0
"""Seconds that an engine has, once its answer is complete, to end it formally; then its connection is not used again."""
_TURN = 64 * 1024
"""Bytes after which others have their turn, however fast a stream comes."""


async def stream_pieces(
    upstream: aiohttp.ClientResponse, reader: StreamTranslator | AnswerAssembler
) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of a stream as they come, until its end, or until a moment after *reader* has a complete answer.

    Raises:
        aiohttp.ClientError: The connection broke off before the answer was complete.
    """
    clock = asyncio.get_running_loop().time
    known, until, read = -1, 0.0, 0
    while True:
        if not reader.complete:
            data = await upstream.content.readany()
        else:
            if reader.events != known:
                known, until = reader.events, clock() + FORMAL_END
            data = await _last_piece(upstream, until, settled=reader.settled)
        if not data:
            return
        yield data
        read += len(data)
        if read > _TURN:
            # An engine that sends without end what is not sent on would keep all others from their turn.
            read = 0
            await asyncio.sleep(0)


async def _last_piece(upstream: aiohttp.ClientResponse, until: float, *, settled: bool) -> bytes:
    """Return what follows a complete answer *until* then; nothing where the connection breaks after one that is *settled*."""
    try:
        async with asyncio.timeout_at(until):
            return await upstream.content.readany()
    except TimeoutError:
        return b""
    except (aiohttp.ClientError, ConnectionError):
        if settled:
            return b""
        raise
