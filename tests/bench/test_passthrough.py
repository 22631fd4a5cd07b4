"""The yardstick: a relay that does what every relay has to do."""

import asyncio
import importlib
import io
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

processes = importlib.import_module("bench.processes")
passthrough = importlib.import_module("bench.passthrough")

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench" / "passthrough.py"


@asynccontextmanager
async def relay(upstream: int, *loop: str) -> AsyncIterator[str]:
    """Run the pass-through in front of 127.0.0.1:*upstream*, on the event loop named, and yield its address."""
    port = processes.free_port()
    argv = [sys.executable, str(SCRIPT), str(port), f"http://127.0.0.1:{upstream}", *loop]
    child = await asyncio.create_subprocess_exec(*argv)
    try:
        for _ in range(200):
            with suppress(OSError):
                (await asyncio.open_connection("127.0.0.1", port))[1].close()
                break
            assert child.returncode is None
            await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        child.terminate()
        await child.wait()


@pytest.mark.parametrize("loop", [(), ("uvloop",)], ids=["asyncio", "uvloop"])
async def test_headers_of_both_ends_go_both_ways(loop: tuple[str, ...]) -> None:
    """A key reaches the upstream and its headers reach the client; what concerns one connection alone does not."""
    for name in loop:
        pytest.importorskip(name)
    heard: list[dict[str, str]] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        heard.append(dict(request.headers))
        return web.Response(body=await request.read(), headers={"X-Engine": "yes", "Keep-Alive": "timeout=9"})

    runner = web.ServerRunner(web.Server(answer, request_factory=passthrough.request_of))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port := processes.free_port())
    await site.start()
    try:
        async with relay(port, *loop) as url, aiohttp.ClientSession() as session:
            headers = {"Authorization": "Bearer secret", "Content-Type": "application/json", "TE": "trailers"}
            body = b"x" * 2_000_000
            async with session.post(f"{url}/v1/chat/completions", data=io.BytesIO(body), headers=headers) as response:
                assert body == await response.read()
                assert "yes" == response.headers["X-Engine"]
                assert "Keep-Alive" not in response.headers
    finally:
        await runner.cleanup()
    assert "Bearer secret" == heard[0]["Authorization"]
    assert "application/json" == heard[0]["Content-Type"]
    assert "TE" not in heard[0]


async def test_upstream_that_is_not_there_is_a_bad_gateway() -> None:
    """The relay stays, and says what is wrong."""
    async with relay(processes.free_port()) as url, aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.post(url, data=b"{}") as response:
                assert 502 == response.status
