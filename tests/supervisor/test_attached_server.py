"""A server that hostd attached to is used and watched, and never ended."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from hostd.backends.contract import Attachment, Endpoint
from hostd.backends.http.client import HttpClient
from hostd.domain.errors import EngineError
from hostd.domain.profile import Limits
from hostd.domain.ticket import Task
from hostd.supervisor.attached_server import AttachedServer
from hostd.supervisor.health.progress_tracker import ProgressTracker
from hostd.supervisor.health.watchdog import ProbeTimings
from hostd.supervisor.process.log_ring import LogRing
from tests.stage import until
from tests.supervisor.test_launch import Remote

NOWHERE = "http://127.0.0.1:1"

Attach = Callable[..., AttachedServer]


class Unloading(Remote):
    """A backend that has its server unload the model, which fails."""

    def __init__(self) -> None:
        self.calls: list[bool] = []

    async def close(self, http: HttpClient, endpoint: Endpoint) -> None:
        """Fail to unload it."""
        self.calls.append(http.closed)
        raise EngineError(f"{endpoint.model} was never loaded")


@pytest.fixture
async def attach() -> AsyncIterator[Attach]:
    """Attach to a url."""
    servers = []

    def make(url: str = NOWHERE, backend: Remote | None = None) -> AttachedServer:
        servers.append(AttachedServer(backend or Remote(), Attachment(Endpoint(url, "alpha"), "/health", 1)))
        return servers[-1]

    yield make
    for server in servers:
        await server.close()


async def test_it_never_ends_by_itself(attach: Attach) -> None:
    """Only its health tells that it does not run; a broken connection does not, and nothing here ends its process."""
    server = attach()
    await server.describe()
    assert (None, True, False) == (server.pid, await server.unhealthy_within(5.0), await server.died_within(5.0))
    await server.kill()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(server.ended(), 0.01)


async def test_a_server_that_hangs_may_be_busy(attach: Attach) -> None:
    """Only an answer, or a refused connection, shows that it is unhealthy."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not await attach(f"http://127.0.0.1:{silent.getsockname()[1]}").unhealthy_within(0.05)


async def test_the_model_is_unloaded_and_the_connections_are_closed(attach: Attach) -> None:
    """Whether or not the unloading succeeds."""
    backend = Unloading()
    server = attach(backend=backend)
    await server.close()
    assert ([False], True) == (backend.calls, server.http.closed)


async def test_it_is_ready_and_watched_by_its_health(attach: Attach, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait ends with its first token; the watchdog sees when its health page no longer answers."""
    # The search for the process takes as long as the machine is busy, and has nothing to do with health.
    monkeypatch.setattr("hostd.supervisor.attached_server.local_pid", lambda _: None)
    status, seen = 200, 0

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        nonlocal seen
        seen += 1
        return web.Response(status=status)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server = attach(f"http://127.0.0.1:{runner.addresses[0][1]}")
    async with asyncio.timeout(10):
        await server.readiness(LogRing()).reached(task=Task.TEXT)
        timings, tracker = ProbeTimings(interval=0.01, patience=1.0), ProgressTracker(Limits, 0.0)
        watchdog = server.watchdog(lambda: True, timings, tracker, task=Task.TEXT)
        wedged = asyncio.create_task(watchdog.wedged())
        await until(lambda: seen > 5)
        assert not wedged.done()
        status = 503
        assert "the server has gone away" in await wedged
    await runner.cleanup()
