"""The scripted vLLM behaves like vLLM, and fails as its script says."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
import pytest

from tests.engines.playing import CHAT, HELLO, Played, played

pytestmark = pytest.mark.slow

MIB = 1 << 20


@asynccontextmanager
async def vllm(*words: str, dev: bool = True, **script: object) -> AsyncIterator[Played]:
    """Run one that is named demo, with a short context, and wait for its port."""
    flags = ("serve", "/model", "--served-model-name", "demo", "--max-model-len", "64", "--port", "PORT")
    env = {"VLLM_SERVER_DEV_MODE": "1"} if dev else {}
    async with played("vllm", *flags, *words, "--script", json.dumps(script), env=env) as engine:
        if "load_fails" not in script:
            await engine.until_up("/health")
        yield engine


def rss(pid: int) -> int:
    """Return the memory of a process."""
    return int(psutil.Process(pid).memory_info().rss)


async def test_it_refuses_connections_until_it_is_loaded() -> None:
    """Then health is 200, and the list of models has the limit."""
    async with vllm(load_seconds=0.2) as engine:
        assert (200, "") == await engine.get("/health")
        [model] = (await engine.get("/v1/models"))[1]["data"]
        assert ("demo", 64, "/model") == (model["id"], model["max_model_len"], model["root"])
        assert (200, {"version": "0.33.0"}) == await engine.get("/version")
        assert "vllm:num_requests_running" in (await engine.get("/metrics"))[1]
        assert 404 == (await engine.get("/slots"))[0]


async def test_streams_have_its_shapes() -> None:
    """A role with an empty text first, usage in a chunk without choices, [DONE]."""
    async with vllm(tokens=2) as engine:
        _, events = await engine.post(CHAT, **HELLO, model="demo", stream=True, stream_options={"include_usage": True})
        *chunks, done = events
        deltas = [option["delta"] for chunk in map(json.loads, chunks) for option in chunk["choices"]]
        assert [{"role": "assistant", "content": ""}, {"content": "w0 "}, {"content": "w1 "}, {}] == deltas
        assert (2, "[DONE]") == (json.loads(chunks[-1])["usage"]["completion_tokens"], done)


async def test_it_knows_one_name_and_its_context() -> None:
    """An unknown model is 404, a long prompt 400."""
    async with vllm() as engine:
        assert 404 == (await engine.post(CHAT, **HELLO, model="other"))[0]
        status, answer = await engine.post("/v1/completions", prompt="x" * 1000, model="demo")
        assert (400, True) == (status, "maximum context length is 64" in answer["error"]["message"])


async def test_its_memory_is_in_a_child_that_gives_it_back_asleep() -> None:
    """Asleep, requests hang; awake, they are served."""
    async with vllm(load_bytes=40 * MIB) as engine:
        [core] = (await engine.seen())["children"]
        assert rss(core) > 40 * MIB
        assert (200, None) == await engine.post("/sleep?level=1")
        assert (200, {"is_sleeping": True}) == await engine.get("/is_sleeping")
        assert rss(core) < 40 * MIB
        asking = asyncio.create_task(engine.post(CHAT, **HELLO))
        assert 0 == (await engine.seen())["completed"]
        await engine.post("/wake_up")
        assert 200 == (await asking)[0]
        assert rss(core) > 40 * MIB


async def test_its_sleep_may_be_a_pretence_or_fail() -> None:
    """As on a CPU, where sleep is reported and nothing released."""
    async with vllm(load_bytes=40 * MIB, sleep_pretends=True) as engine:
        [core] = (await engine.seen())["children"]
        await engine.post("/sleep?level=1")
        assert (200, {"is_sleeping": True}) == await engine.get("/is_sleeping")
        assert rss(core) > 40 * MIB
    async with vllm(sleep_fails=True) as engine:
        assert 500 == (await engine.post("/sleep?level=1"))[0]
    async with vllm(dev=False) as engine:
        assert 404 == (await engine.post("/sleep?level=1"))[0]


async def test_a_killed_server_leaves_its_child() -> None:
    """With all of its memory, until the group is ended."""
    async with vllm() as engine:
        [core] = (await engine.seen())["children"]
        await engine.killed()
        assert psutil.pid_exists(core)


async def test_it_goes_when_its_child_has_gone() -> None:
    """Unhealthy at once, and ended a moment later."""
    async with vllm() as engine:
        [core] = (await engine.seen())["children"]
        os.kill(core, signal.SIGKILL)
        async with asyncio.timeout(5):
            while (await engine.get("/health"))[0] == 200:
                pass
            assert 1 == await engine.process.wait()


async def test_sigterm_breaks_a_stream_that_then_ends_as_if_all_were_well() -> None:
    """An error event, [DONE], and exit status 0, the child along with it."""
    async with vllm(tokens=1000, token_delay=0.01) as engine:
        [core] = (await engine.seen())["children"]
        asking = asyncio.create_task(engine.post(CHAT, **HELLO, stream=True))
        async with asyncio.timeout(5):
            while not (await engine.seen())["decoding"]:
                pass
        engine.process.terminate()
        *_, error, done = (await asking)[1]
        assert (500, "[DONE]") == (json.loads(error)["error"]["code"], done)
        assert 0 == await engine.process.wait()
        assert not psutil.pid_exists(core)


@pytest.mark.parametrize(
    ("kind", "status", "words"), [("out_of_memory", 1, "CUDA out of memory"), ("bad_flag", 2, "vllm: error:")]
)
async def test_a_load_that_fails_ends_it(kind: str, status: int, words: str) -> None:
    """With its last words."""
    async with vllm(load_fails=kind) as engine:
        assert status == await engine.process.wait()
        await engine.until_said(words)


async def test_a_flag_that_it_does_not_know_ends_a_strict_one() -> None:
    """As real ones do."""
    async with played("vllm", "serve", "/model", "--strict-flags", "--frobnicate", "1") as engine:
        assert 2 == await engine.process.wait()
