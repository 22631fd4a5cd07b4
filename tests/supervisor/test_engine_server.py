"""The program behind an endpoint, ours or another's, is waited for and put away."""

import asyncio
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from hostd.backends.contract import Endpoint, Launch
from hostd.backends.llamacpp.engine import LlamaCpp
from hostd.domain.reason import ExitClass
from hostd.supervisor.engine_server import AttachedServer, SpawnedServer, usage_of
from hostd.supervisor.log_ring import LogRing
from hostd.supervisor.orphan_reaper import OrphanReaper
from hostd.supervisor.process_memory import ProcessUsage

NOWHERE = Endpoint("http://127.0.0.1:1", "alpha")


@pytest.fixture
async def reaper() -> AsyncIterator[OrphanReaper]:
    """Who ends the processes if the tests are killed."""
    with tempfile.TemporaryDirectory() as folder:
        reaper = OrphanReaper(Path(folder))
        await reaper.start()
        yield reaper
        await reaper.close()


async def spawned(reaper: OrphanReaper, program: str) -> SpawnedServer:
    """Start a Python *program*."""
    launch = Launch((sys.executable, "-c", program), {}, NOWHERE, "/health", 1)
    return await SpawnedServer.spawn(launch, LlamaCpp(), LogRing(), reaper, "alpha")


async def test_an_engine_of_ours_tells_how_it_ended(reaper: OrphanReaper) -> None:
    """Status, class and last lines are in the error."""
    server = await spawned(reaper, "import sys; print('error: invalid argument: -x'); sys.exit(1)")
    ended = await server.ended()
    assert "the engine ended with status 1 (bad_flag)" == ended.message
    assert (ExitClass.BAD_FLAG, ("error: invalid argument: -x",)) == (ended.exit_class, ended.tail)
    assert await server.died_within(0.0)
    await server.end(1.0)


async def test_an_engine_of_ours_is_ended(reaper: OrphanReaper) -> None:
    """It is measured while it runs, and is gone after its end."""
    server = await spawned(reaper, "import time; time.sleep(60)")
    assert not await server.died_within(0.01)
    assert (await usage_of(server)).rss_bytes > 1 << 20
    await server.end(2.0)
    assert await server.died_within(0.0)
    assert "the engine was killed by SIGTERM" == (await server.ended()).message
    assert ProcessUsage() == await usage_of(None)


async def test_a_server_of_others_never_ends_by_itself() -> None:
    """Only its health tells; nothing here puts it down."""
    async with aiohttp.ClientSession() as http:
        server = AttachedServer(Launch((), {}, NOWHERE, "/health", 1), http)
        await server.find()
        assert (None, False, True) == (server.pid, await server.healthy(), await server.died_within(5.0))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(server.ended(), 0.01)
        await server.end(0.0)


async def test_a_server_of_others_that_hangs_has_not_died() -> None:
    """Who says nothing may be busy."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = Endpoint(f"http://127.0.0.1:{silent.getsockname()[1]}", "alpha")
        async with aiohttp.ClientSession() as http:
            assert not await AttachedServer(Launch((), {}, endpoint, "/health", 1), http).died_within(0.05)
