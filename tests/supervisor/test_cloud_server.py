"""A provider is used without being asked first, and looked at only when a request has failed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from hostd.backends.cloud.provider import Cloud
from hostd.domain.profile import Limits, Profile, Variant
from hostd.domain.ticket import Task
from hostd.supervisor import cloud_server
from hostd.supervisor.cloud_server import CloudServer
from hostd.supervisor.health.progress_tracker import ProgressTracker
from hostd.supervisor.health.watchdog import ProbeTimings
from hostd.supervisor.process.log_ring import LogRing
from tests.stage import until

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Provider:
    """A provider that counts how often it is looked at; *status* is what it answers, None nothing at all."""

    def __init__(self) -> None:
        self.status: int | None = 200
        self.looks = 0
        self.cloud = Cloud()
        self.url = ""

    async def answer(self, _request: web.BaseRequest) -> web.StreamResponse:
        """Answer any request."""
        self.looks += 1
        await until(lambda: self.status is not None)
        return web.Response(status=self.status or 500)

    def server(self) -> CloudServer:
        """Return the provider as an instance begins to use it."""
        variant = Variant("cloud", provider="x", model="m", url=self.url, api_key="sk-1")
        return CloudServer(self.cloud, self.cloud.attach(Profile("p", (variant,)), variant))


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """A provider on this machine."""
    made = Provider()
    runner = web.ServerRunner(web.Server(made.answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield made
    await runner.cleanup()


async def test_it_is_ready_without_being_asked(provider: Provider) -> None:
    """No token is paid for, no process is looked for, and nothing is described."""
    server = provider.server()
    await server.readiness(LogRing()).reached(task=Task.TEXT)
    await server.describe()
    assert server.pid is None
    assert 0 == provider.looks
    await server.close()


async def test_one_that_had_gone_away_has_to_answer_first(provider: Provider) -> None:
    """Whatever it answers but an error of its own; then its other models are ready at once."""
    server = provider.server()
    await server.kill()
    await server.close()
    again, provider.status = provider.server(), 503
    waiting = asyncio.create_task(again.readiness(LogRing()).reached(task=Task.TEXT))
    await until(lambda: provider.looks > 0)
    assert not waiting.done()
    provider.status = 401
    await waiting
    assert provider.server().launch.ready
    await again.close()


async def test_it_is_looked_at_when_a_request_has_failed(provider: Provider) -> None:
    """And found to be gone if it does not answer; an idle one costs no requests."""
    server = provider.server()
    tracker = ProgressTracker(Limits, 0.0)
    monitor = server.watchdog(lambda: False, ProbeTimings(0.01, 0.2), tracker, task=Task.TEXT)
    watching = asyncio.create_task(monitor.wedged())
    await asyncio.sleep(0.05)
    assert 0 == provider.looks
    monitor.suspect()
    await until(lambda: provider.looks > 0)
    assert not watching.done()
    provider.status = 500
    monitor.suspect()
    assert "gone away" in await watching
    await server.close()


async def test_a_silent_one_is_unwell(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lists its models at once whatever it is busy with, so that a whole answer is not waited for in vain."""
    monkeypatch.setattr(cloud_server, "_LISTS", 0.2)
    server = provider.server()
    assert not await server.unhealthy_within(10.0)
    provider.status = None
    assert await server.unhealthy_within(10.0)
    provider.status = 500
    await server.close()
