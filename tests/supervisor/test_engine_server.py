"""An engine that hostd started is waited for and ended."""

import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hostd.backends.contract import Endpoint, Launch
from hostd.backends.llamacpp.engine import LlamaCpp
from hostd.domain.reason import ExitClass
from hostd.supervisor.engine_server import EngineServer
from hostd.supervisor.log_ring import LogRing
from hostd.supervisor.orphan_reaper import OrphanReaper

NOWHERE = Endpoint("http://127.0.0.1:1", "alpha")


@pytest.fixture
async def reaper() -> AsyncIterator[OrphanReaper]:
    """Ends the processes if the tests are killed."""
    with tempfile.TemporaryDirectory() as folder:
        reaper = OrphanReaper(Path(folder))
        await reaper.start()
        yield reaper
        await reaper.close()


async def spawned(reaper: OrphanReaper, program: str) -> EngineServer:
    """Start a Python *program*."""
    launch = Launch((sys.executable, "-c", program), {}, NOWHERE, "/health", 1)
    return await EngineServer.spawn(LlamaCpp(), launch, LogRing(), reaper, "alpha")


async def test_how_an_engine_ended_is_reported(reaper: OrphanReaper) -> None:
    """Status, class and last lines are in the error."""
    server = await spawned(reaper, "import sys; print('error: invalid argument: -x'); sys.exit(1)")
    ended = await server.ended()
    assert "the engine ended with status 1 (bad_flag)" == ended.message
    assert (ExitClass.BAD_FLAG, ("error: invalid argument: -x",)) == (ended.exit_class, ended.tail)
    assert await server.died_within(0.0)
    await server.close(())


async def test_an_engine_is_measured_and_ended(reaper: OrphanReaper) -> None:
    """Its memory is known while it runs; its process has ended afterwards."""
    server = await spawned(reaper, "import time; time.sleep(60)")
    assert not await server.died_within(0.01)
    assert (await server.usage()).rss_bytes > 1 << 20
    await server.close(())
    assert server.http.closed
    assert await server.died_within(0.0)
    assert "the engine was killed by SIGTERM" == (await server.ended()).message


async def test_a_wedged_engine_is_killed(reaper: OrphanReaper) -> None:
    """It would not hear SIGTERM."""
    ignores = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
    )
    server = await spawned(reaper, ignores)
    assert not await server.unhealthy_within(0.3)
    await server.kill()
    assert await server.unhealthy_within(0.0)
    assert "the engine was killed by SIGKILL" == (await server.ended()).message
    await server.close(())
