"""An engine is ready when it has generated a token, and is given up when its load no longer progresses."""

import asyncio
from collections.abc import Iterator

import pytest
from aiohttp import web

from hostd.backends.contract import Attachment, Endpoint, Launch
from hostd.domain.errors import EngineError
from hostd.domain.ticket import Task
from hostd.supervisor.health import readiness
from hostd.supervisor.health.readiness import AttachedReadiness, EngineReadiness
from hostd.supervisor.process.log_ring import LogRing
from hostd.supervisor.process.process_memory import ProcessUsage
from tests.http_client import client
from tests.virtual_time import in_virtual_time

NOWHERE = "http://127.0.0.1:1"


def launch(url: str = NOWHERE, expected_bytes: int = 0) -> Launch:
    """Return a launch of an engine at *url*."""
    return Launch(("engine",), {}, Endpoint(url, "alpha"), "/health", 1, expected_bytes)


def attachment(url: str = NOWHERE) -> Attachment:
    """Return how to use a server at *url*."""
    return Attachment(Endpoint(url, "alpha"), "/health", 1)


async def loads() -> None:
    """Have the model loaded already."""


class Loading:
    """An engine that is healthy *after* so many seconds, and answers a request for a token with the status *token*."""

    def __init__(self, after: float = 0.0, token: int = 200) -> None:
        self.after = after
        self.token = token

    async def __aenter__(self) -> str:
        self.began = asyncio.get_running_loop().time()
        self.runner = web.ServerRunner(web.Server(self.answer))
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    async def __aexit__(self, *_: object) -> None:
        await self.runner.cleanup()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a question."""
        if request.method == "POST":
            return web.Response(status=self.token, text="a token, or not")
        loaded = asyncio.get_running_loop().time() - self.began >= self.after
        return web.Response(status=200 if loaded else 503)


async def reached(launch: Launch, usages: Iterator[ProcessUsage], ring: LogRing | None = None) -> float:
    """Wait for readiness and return how long it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with client() as http:
        await EngineReadiness(launch, http, ring or LogRing(), loads, lambda: next(usages)).reached(task=Task.TEXT)
    return loop.time() - began


def idle() -> Iterator[ProcessUsage]:
    """Yield the usage of an engine that does nothing."""
    while True:
        yield ProcessUsage(1000, 1.0)


def growing() -> Iterator[ProcessUsage]:
    """Yield the usage of an engine that reads its weights."""
    rss = 0
    while True:
        rss += 1000
        yield ProcessUsage(rss, 1.0)


@in_virtual_time
async def test_an_engine_is_ready_when_healthy_with_a_token() -> None:
    """It is seen soon after it became true."""
    async with Loading(after=20.0) as url:
        assert 20.0 <= await reached(launch(url), idle()) <= 20.5


@in_virtual_time
async def test_health_alone_is_not_enough() -> None:
    """An engine whose page is fine but that makes no token will not get better by waiting."""
    async with Loading(token=500) as url:
        with pytest.raises(
            EngineError, match="says that it is healthy, but failed a one-token request with status 500"
        ):
            await reached(launch(url), idle())


@in_virtual_time
async def test_an_engine_that_does_nothing_is_stuck() -> None:
    """After 30 seconds without a line, memory or computing it is given up, with its last lines."""
    ring = LogRing()
    ring.feed(b"loading\n")
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(EngineError, match="for 30 s it has not logged, grown or computed anything") as caught:
        await reached(launch(), idle(), ring)
    assert 30.0 <= loop.time() - began <= 31.0
    assert ("loading",) == caught.value.tail


@in_virtual_time
async def test_an_engine_that_grows_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a load takes, it is waited for while it progresses; in the end there is a limit to that, too."""
    monkeypatch.setattr(readiness, "LONGEST_LOAD", 90.0)
    async with Loading(after=80.0) as url:
        assert 80.0 <= await reached(launch(url), growing())
    with pytest.raises(EngineError, match="did not become ready within 90 s"):
        await reached(launch(), growing())


@in_virtual_time
async def test_a_line_is_a_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that logs is not stuck, although nothing else moves."""
    ring, loop = LogRing(), asyncio.get_running_loop()
    loop.call_later(25.0, ring.feed, b"half of it\n")
    async with Loading(after=50.0) as url:
        assert 50.0 <= await reached(launch(url), idle(), ring)


@in_virtual_time
async def test_reports_how_far_the_load_is() -> None:
    """The share of what will be in memory that is there; None where that is not known, and never more than all."""
    async with client() as http:
        assert EngineReadiness(launch(), http, LogRing(), loads, ProcessUsage).progress is None
        usages = growing()
        waiting = EngineReadiness(launch(expected_bytes=10_000), http, LogRing(), loads, lambda: next(usages))
        assert 0.0 == waiting.progress
        loading = asyncio.create_task(waiting.reached(task=Task.TEXT))
        await asyncio.sleep(2.1)
        assert 0.5 == waiting.progress
        await asyncio.sleep(20)
        assert 1.0 == waiting.progress
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)


@in_virtual_time
async def test_a_model_is_opened_before_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is well is told to load its model; how long that takes is seen as any load is."""
    monkeypatch.setattr(readiness, "LONGEST_LOAD", 90.0)
    loop = asyncio.get_running_loop()

    async def opens() -> None:
        await asyncio.sleep(40.0)

    async with Loading(after=10.0) as url, client() as http:
        usages, began = growing(), loop.time()
        await EngineReadiness(launch(url), http, LogRing(), opens, lambda: next(usages)).reached(task=Task.TEXT)
    assert 50.0 <= loop.time() - began <= 50.5


@in_virtual_time
async def test_an_attached_server_is_there_or_it_is_not() -> None:
    """It loads nothing, so it is not waited for; a healthy one may take its time for the first token, but not for ever."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(
        EngineError, match=r"no server that is well answers at http://127\.0\.0\.1:1: for 5 s its page /health"
    ):
        async with client() as http:
            await AttachedReadiness(attachment(), http, LogRing(), loads).reached(task=Task.TEXT)
    assert 5.0 <= loop.time() - began <= 5.5

    async def opens() -> None:
        await asyncio.Event().wait()

    async with Loading() as url, client() as http:
        waiting = AttachedReadiness(attachment(url), http, LogRing(), opens)
        with pytest.raises(EngineError, match="has made no token within 600 s"):
            await waiting.reached(task=Task.TEXT)
