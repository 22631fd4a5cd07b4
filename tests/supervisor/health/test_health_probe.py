"""Small questions get honest answers, whatever state the engine is in."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from hostd.backends.contract import Endpoint
from hostd.backends.http.client import HttpClient
from hostd.backends.http.errors import ExchangeError
from hostd.dialects.base import Dialect
from hostd.domain.ticket import Task
from hostd.supervisor.health import health_probe
from hostd.supervisor.launch import free_port
from tests.http_client import client
from tests.stage import ENGINE

Begin = Callable[..., Awaitable[Endpoint]]


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    """A client."""
    async with client() as session:
        yield session


@pytest.fixture
async def begin(http: HttpClient) -> AsyncIterator[Begin]:
    """Start a scripted engine and return where it listens; it is killed in the end."""
    processes = []

    async def start(*flags: str, script: str = "{}") -> Endpoint:
        port = free_port()
        argv = (*ENGINE, "--port", str(port), "--alias", "alpha", "--script", script, *flags)
        processes.append(
            await asyncio.create_subprocess_exec(
                *argv, env={"LLAMA_API_KEY": "secret"}, stderr=asyncio.subprocess.DEVNULL
            )
        )
        endpoint = Endpoint(f"http://127.0.0.1:{port}", "alpha", {"Authorization": "Bearer secret"})
        async with asyncio.timeout(5):
            while not await listens(http, endpoint):
                pass
        return endpoint

    yield start
    for process in processes:
        process.kill()
        await process.wait()


async def listens(http: HttpClient, endpoint: Endpoint) -> bool:
    """Return whether a server answers there."""
    try:
        await http.ask(endpoint.url + "/health", {})
    except ExchangeError:
        return False
    return True


async def test_only_an_engine_that_says_so_is_healthy(http: HttpClient, begin: Begin) -> None:
    """An engine that loads is not, and neither is one that does not run."""
    assert await health_probe.healthy(http, await begin(), "/health")
    loading = await begin(script='{"never_ready": true}')
    assert not await health_probe.healthy(http, loading, "/health")
    assert not await health_probe.healthy(http, Endpoint("http://127.0.0.1:1", "alpha"), "/health")


async def test_one_token_is_asked_for_with_the_key(http: HttpClient, begin: Begin) -> None:
    """None means that it came; without the key the engine's refusal is the answer."""
    endpoint = await begin()
    assert await health_probe.one_token(http, endpoint, task=Task.TEXT) is None
    said = await health_probe.one_token(http, replace(endpoint, headers={}), task=Task.TEXT)
    assert said is not None
    assert said.startswith("status 401: ")
    assert "Invalid API Key" in said


async def test_an_embedder_is_asked_for_a_vector(http: HttpClient, begin: Begin) -> None:
    """Such an engine generates no tokens; one that makes no vectors is not ready."""
    assert await health_probe.one_token(http, await begin("--embeddings"), task=Task.EMBEDDINGS) is None
    said = await health_probe.one_token(http, await begin(), task=Task.EMBEDDINGS)
    assert said is not None
    assert said.startswith("status 501: ")


@pytest.mark.parametrize(
    ("script", "said"),
    [('{"cut_after": 0}', "it closed the connection before it answered"), ("", "no connection can be made")],
)
async def test_a_lost_connection_is_an_answer(http: HttpClient, begin: Begin, script: str, said: str) -> None:
    """Nothing is raised for an engine that hangs up, or that is not there."""
    endpoint = await begin(script=script) if script else Endpoint("http://127.0.0.1:1", "alpha")
    answer = await health_probe.one_token(http, endpoint, task=Task.TEXT)
    assert answer is not None
    assert answer.startswith(said)


async def test_the_probe_goes_where_the_endpoint_speaks_its_dialect(http: HttpClient, begin: Begin) -> None:
    """Not to a path of our own; a server that does not speak it is not asked."""
    endpoint = await begin()
    elsewhere = replace(endpoint, speaks={Dialect.OPENAI_CHAT: "/elsewhere"})
    said = await health_probe.one_token(http, elsewhere, task=Task.TEXT)
    assert said is not None
    assert said.startswith("status 404: ")
    assert "its dialects (openai_chat) have no openai_embeddings" == await health_probe.one_token(
        http, elsewhere, task=Task.EMBEDDINGS
    )
