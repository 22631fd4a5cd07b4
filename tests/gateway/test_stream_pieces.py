"""A stream is read to its end, or to the end of the answer in it."""

import asyncio
from typing import Any, cast

import aiohttp
import pytest

from hostd.dialects.openai.stream import OpenAiStream
from hostd.gateway.stream_pieces import FORMAL_END, stream_pieces
from tests.virtual_time import in_virtual_time

WORD = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
COMMENT = b": ping\n\n"


class Upstream:
    """Sends *pieces*, each after its delay in seconds; then nothing for ever, an *error*, or the end."""

    def __init__(self, *pieces: tuple[float, bytes], error: Exception | None = None) -> None:
        self.content = self
        self._pieces = list(pieces)
        self._error = error

    async def readany(self) -> bytes:
        """Return the next piece."""
        if not self._pieces:
            if self._error is not None:
                raise self._error
            await asyncio.Event().wait()
        delay, data = self._pieces.pop(0)
        await asyncio.sleep(delay)
        return data


async def read(upstream: Any, *, choices: int = 1) -> tuple[bytes, float]:
    """Return what is read of *upstream*, and for how many seconds."""
    reader, all_of_it = OpenAiStream("m", choices=choices), b""
    clock = asyncio.get_running_loop().time
    began = clock()
    async for data in stream_pieces(cast("aiohttp.ClientResponse", upstream), reader):
        reader.feed(data)
        all_of_it += data
    return all_of_it, clock() - began


@pytest.mark.parametrize(
    ("pieces", "choices", "seconds"),
    [
        ([(0, WORD), (30, WORD), (0, STOP), (0, b"")], 1, 30.0),
        ([(0, WORD), (0, STOP)], 1, FORMAL_END),
        ([(0, WORD), (0, STOP), *[(0.3, COMMENT)] * 20], 1, FORMAL_END),
        ([(0, STOP), (0.8, WORD), (0, STOP)], 1, 0.8 + FORMAL_END),
        ([(0, STOP), (60, STOP.replace(b":0", b":1"))], 2, 60 + FORMAL_END),
    ],
    ids=["closed", "open", "comments", "goes on", "two choices"],
)
@in_virtual_time
async def test_reads_to_the_end(pieces: list[tuple[float, bytes]], choices: int, seconds: float) -> None:
    """Of the stream, or of the answer and a moment; comments do not prolong that, and all choices are waited for."""
    assert seconds == pytest.approx((await read(Upstream(*pieces), choices=choices))[1])


@pytest.mark.parametrize("error", [aiohttp.ClientPayloadError("cut"), ConnectionResetError()])
@in_virtual_time
async def test_a_break_matters_only_before_the_answer_is_complete(error: Exception) -> None:
    """And where the engine has taken back its word that it was."""
    assert WORD + STOP == (await read(Upstream((0, WORD), (0, STOP), error=error)))[0]
    for pieces in ([(0, WORD)], [(0, STOP), (0, WORD), (0, STOP)]):
        with pytest.raises(type(error)):
            await read(Upstream(*pieces, error=error))
    with pytest.raises(type(error)):
        await read(Upstream((0, STOP), error=error), choices=2)


@in_virtual_time
async def test_a_fast_stream_lets_others_have_their_turn() -> None:
    """Though there is always something to read."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    class Endless(Upstream):
        async def readany(self) -> bytes:
            return self._pieces.pop(0)[1]

    counting = asyncio.create_task(count())
    await read(Endless(*[(0, COMMENT * 5_000)] * 20, (0, b"")))
    counting.cancel()
    assert turns > 2
