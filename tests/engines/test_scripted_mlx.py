"""The scripted mlx_lm.server has the habits of the real one."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.engines.playing import CHAT, HELLO, Played, played

pytestmark = pytest.mark.slow


@asynccontextmanager
async def mlx(**script: object) -> AsyncIterator[Played]:
    """Run one, and wait for its port."""
    words = ("--model", "/model", "--port", "PORT", "--script", json.dumps(script))
    async with played("mlx", *words) as engine:
        await engine.until_up("/health")
        yield engine


async def test_it_says_that_it_is_well_before_it_is_loaded() -> None:
    """Requests wait for the load."""
    async with mlx(never_ready=True) as engine:
        assert (200, {"status": "ok"}) == await engine.get("/health")
        asking = asyncio.create_task(engine.post(CHAT, **HELLO))
        await engine.post("/_script", never_ready=None)
        assert 200 == (await asking)[0]


async def test_a_model_that_cannot_be_loaded_leaves_it_standing() -> None:
    """Health is 503 then, and requests get 404."""
    async with mlx(load_fails="missing_file") as engine:
        async with asyncio.timeout(5):
            while (await engine.get("/health"))[0] == 200:
                pass
        assert (404, {"error": "generation thread died"}) == await engine.post(CHAT, **HELLO)
        assert engine.process.returncode is None


async def test_it_speaks_http_1_0() -> None:
    """No length, no chunks: the end of an answer is the end of the connection."""
    async with mlx() as engine, engine.http.post(engine.url + CHAT, json=HELLO) as answer:
        assert aiohttp.HttpVersion10 == answer.version
        assert "Content-Length" not in answer.headers
        assert "stop" == (await answer.json())["choices"][0]["finish_reason"]


async def test_streams_have_its_shapes() -> None:
    """A role in every delta, comments while it waits, and usage as if in one piece."""
    async with mlx(tokens=2, first_token_delay=0.3) as engine:
        _, events = await engine.post(CHAT, **HELLO, stream=True, stream_options={"include_usage": True})
        assert ": keepalive 1/2" == events[0]
        *chunks, usage, done = events[1:]
        roles = [json.loads(chunk)["choices"][0]["delta"].get("role") for chunk in chunks]
        assert ["assistant", "assistant", None] == roles
        assert ("chat.completion", "[DONE]") == (json.loads(usage)["object"], done)


async def test_it_has_no_limit_and_takes_any_name_for_a_model() -> None:
    """A prompt of any length is read; a name is looked for at the hub."""
    async with mlx() as engine:
        assert 200 == (await engine.post("/v1/completions", prompt="x" * 500_000))[0]
        status, answer = await engine.post(CHAT, **HELLO, model="other")
        assert (404, True) == (status, "Not Found" in answer["error"])


async def test_a_whole_answer_is_generated_for_a_disconnected_client() -> None:
    """A client that disconnects is not noticed before the end."""
    async with mlx(tokens=20, token_delay=0.01) as engine:
        asking = asyncio.create_task(engine.post(CHAT, **HELLO))
        async with asyncio.timeout(5):
            while not (await engine.seen())["decoding"]:
                pass
            asking.cancel()
            while (await engine.seen())["decoding"]:
                pass
        assert 1 == (await engine.seen())["aborted"]


async def test_sigterm_ends_it_at_once() -> None:
    """Like any program that does not handle it."""
    async with mlx() as engine:
        engine.process.terminate()
        assert -15 == await engine.process.wait()


async def test_a_port_that_is_taken_leaves_it_hanging() -> None:
    """It neither serves nor ends."""
    async with mlx() as first:
        port = first.url.rpartition(":")[2]
        async with played("mlx", "--model", "/model", "--port", port) as second:
            await second.until_said("OSError: [Errno 98] Address already in use")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await second.process.wait()
