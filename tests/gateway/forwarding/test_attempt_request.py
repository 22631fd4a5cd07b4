"""A request is sent once, and once more only where a kept connection was closed under it."""

import asyncio
import json
from contextlib import closing, suppress

import pytest

from tests.stage import Stage, moved

pytestmark = pytest.mark.asyncio(loop_scope="session")

ANSWER = json.dumps(
    {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]}
).encode()


@pytest.mark.parametrize(("closes", "statuses", "connections"), [("after", [200, 200], 2), ("before", [503], 2)])
async def test_sends_it_again_where_a_connection_was_stale(
    stage: Stage, closes: str, statuses: list[int], connections: int
) -> None:
    """The engine closes it once a request has been answered; one that is closed before any answer came is no stale one."""
    begun = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal begun
        begun += 1
        with closing(writer), suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            if closes == "after":
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(ANSWER)
                )
                writer.write(ANSWER)
                await writer.drain()
                await reader.readuntil(b"\r\n\r\n")

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        with moved(stage, "beta", server.sockets[0].getsockname()[1]):
            assert statuses == [(await stage.ask("beta", logprobs=True)).status for _ in statuses]
    assert connections == begun
