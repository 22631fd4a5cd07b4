"""Where there is no place and no descriptor left, newcomers are told, and those who are served go on."""

import asyncio
import json
import os
import resource
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from aiohttp import web

from hostd.gateway.http.acceptor import Acceptor
from hostd.gateway.http.connections import Connections

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def accepting(most: int) -> AsyncIterator[tuple[int, asyncio.Event]]:
    """Yield a port, and what releases the answers to requests for it."""
    release = asyncio.Event()

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        await release.wait()
        return web.Response(text="hello")

    server = Connections(answer, most=most)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    port: int = listening.getsockname()[1]
    acceptor = Acceptor(listening, server)
    acceptor.start()
    try:
        yield port, release
    finally:
        release.set()
        acceptor.close()
        server.pre_shutdown()
        await server.shutdown(1.0)


async def _ask(port: int, where: str = "127.0.0.1") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(where, 0))
    writer.write(GET)
    return reader, writer


async def test_serves() -> None:
    """Clients one after the other."""
    async with accepting(2) as (port, release):
        release.set()
        for _ in range(5):
            reader, writer = await _ask(port)
            assert b"200 OK" in await reader.readline()
            writer.close()


async def test_one_too_many_is_told_so() -> None:
    """503 with a time to come back; who is served is served."""
    async with accepting(2) as (port, release):
        served = [await _ask(port) for _ in range(2)]
        await asyncio.sleep(0.1)
        reader, writer = await _ask(port)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert b"503" in head.split(b"\r\n")[0]
        assert b"Retry-After: 2" in head
        assert "too_many_connections" == json.loads(body)["error"]["code"]
        writer.close()
        release.set()
        for each, its_writer in served:
            assert b"200 OK" in await each.readline()
            its_writer.close()


async def test_the_silent_make_room() -> None:
    """A client that opens many connections and says nothing keeps nobody out."""
    async with accepting(4) as (port, release):
        release.set()
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        reader, writer = await _ask(port)
        assert b"200 OK" in await asyncio.wait_for(reader.readline(), 10)
        for _, each in (*silent, (reader, writer)):
            each.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only 127.0.0.1 is there without being set up")
async def test_one_address_leaves_room_for_others() -> None:
    """Who has a quarter less than all is told so, and a client from elsewhere is served."""
    async with accepting(8) as (port, release):
        served = [await _ask(port) for _ in range(6)]
        await asyncio.sleep(0.1)
        reader, writer = await _ask(port)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert b"503" in head.split(b"\r\n")[0]
        assert "as one address may" in json.loads(body)["error"]["message"]
        writer.close()
        other, its_writer = await _ask(port, "127.0.0.2")
        release.set()
        assert b"200 OK" in await asyncio.wait_for(other.readline(), 10)
        for each in (its_writer, *(writer for _, writer in served)):
            each.close()
        # Whoever has gone has made room again.
        await asyncio.sleep(0.1)
        reader, writer = await _ask(port)
        assert b"200 OK" in await asyncio.wait_for(reader.readline(), 10)
        writer.close()


@contextmanager
def _no_descriptor_left() -> Iterator[None]:
    """Let nothing more be opened in this process."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(each.name) for each in Path("/dev/fd").iterdir())
    held: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, limits[1]))
    try:
        while True:
            try:
                held.append(os.dup(0))
            except OSError:
                break
        yield
    finally:
        for each in held:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


async def test_without_a_descriptor_it_still_answers() -> None:
    """One is kept for it: 503 that says why, and all is well once there are descriptors again."""
    async with accepting(100) as (port, release):
        release.set()
        client = socket.socket()
        with _no_descriptor_left():
            await asyncio.get_running_loop().run_in_executor(None, client.connect, ("127.0.0.1", port))
            client.settimeout(10)
            answer = await asyncio.get_running_loop().run_in_executor(None, client.recv, 65536)
        client.close()
        assert b" 503 " in answer
        assert b"no further descriptor" in answer
        reader, writer = await _ask(port)
        assert b"200 OK" in await reader.readline()
        writer.close()
