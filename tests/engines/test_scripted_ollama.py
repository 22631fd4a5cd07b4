"""The scripted Ollama behaves like Ollama, field by field where hostd looks."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import ollama
import psutil
import pytest

from tests.engines.ollama_server import put_model
from tests.engines.playing import CHAT, HELLO, Played, played

pytestmark = pytest.mark.slow

MIB = 1 << 20


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with two models."""
    put_model(tmp_path, "q:9b")
    put_model(tmp_path, "other")
    return tmp_path


@asynccontextmanager
async def serving(store: Path, env: dict[str, str] | None = None, **script: object) -> AsyncIterator[Played]:
    """Run one on *store*, and wait for its port."""
    said = {"OLLAMA_HOST": "127.0.0.1:PORT", "OLLAMA_MODELS": str(store), **(env or {})}
    async with played("ollama", "--script", json.dumps(script), "serve", env=said) as engine:
        await engine.until_up("/")
        yield engine


async def test_the_client_library_takes_it_for_one(store: Path) -> None:
    """Listing, showing, loading, what is loaded, chatting, unloading."""
    async with serving(store, load_bytes=MIB) as engine, ollama.AsyncClient(engine.url, trust_env=False) as client:
        assert ["other:latest", "q:9b"] == [model.model for model in (await client.list()).models]
        shown = await client.show("q:9b")
        assert ["completion", "tools"] == shown.capabilities
        assert 32768 == (shown.modelinfo or {})["llama.context_length"]
        assert "load" == (await client.generate("q:9b", keep_alive=-1)).done_reason
        [held] = (await client.ps()).models
        assert ("q:9b", 4096, MIB) == (held.model, held.context_length, held.size)
        assert isinstance(held.expires_at, datetime)
        answer = await client.chat("q:9b", [{"role": "user", "content": "hi"}], options={"num_predict": 2})
        assert ("w0 w1 ", 2) == (answer.message.content, answer.eval_count)
        with pytest.raises(ollama.ResponseError, match="does not support embeddings") as caught:
            await client.embed("q:9b", "hi")
        assert 501 == caught.value.status_code
        assert "unload" == (await client.generate("q:9b", keep_alive=0)).done_reason
        assert [] == (await client.ps()).models
        with pytest.raises(ollama.ResponseError, match="model 'absent:latest' not found"):
            await client.show("absent")


async def test_what_only_embeds_is_loaded_by_embedding_nothing(store: Path) -> None:
    """It does not chat, and to generate is no way to load it, but to unload it."""
    async with (
        serving(store, capabilities=["embedding"]) as engine,
        ollama.AsyncClient(engine.url, trust_env=False) as client,
    ):
        for asking in (
            client.generate("q:9b", keep_alive=-1),
            client.chat("q:9b", [{"role": "user", "content": "hi"}]),
        ):
            with pytest.raises(ollama.ResponseError, match=r"does not support (generate|chat)") as caught:
                await asking
            assert 400 == caught.value.status_code
        assert [] == (await client.embed("q:9b", "", keep_alive=-1)).embeddings
        assert ["q:9b"] == [held.model for held in (await client.ps()).models]
        assert [8] == [len(vector) for vector in (await client.embed("q:9b", "hi")).embeddings]
        assert "unload" == (await client.generate("q:9b", keep_alive=0)).done_reason
        assert [] == (await client.ps()).models


async def test_openai_routes_have_its_shapes(store: Path) -> None:
    """The role comes with the first token, usage in a chunk of its own, and names are its own."""
    async with serving(store, tokens=2) as engine:
        said = {**HELLO, "model": "q:9b"}
        _, events = await engine.post(CHAT, **said, stream=True, stream_options={"include_usage": True})
        *chunks, usage, done = events
        deltas = [json.loads(chunk)["choices"][0]["delta"] for chunk in chunks]
        assert [{"role": "assistant", "content": "w0 "}, {"content": "w1 "}, {}] == deltas
        assert ([], "[DONE]") == (json.loads(usage)["choices"], done)
        _, answer = await engine.post(CHAT, **said, max_tokens=1)
        assert ("q:9b", "fp_ollama", "length") == (
            answer["model"],
            answer["system_fingerprint"],
            answer["choices"][0]["finish_reason"],
        )
        status, answer = await engine.post(CHAT, **HELLO, model="absent")
        assert (404, "not_found_error") == (status, answer["error"]["type"])


async def test_a_prompt_is_cut_unless_that_is_forbidden(store: Path) -> None:
    """Silently by its OpenAI routes; refused by its own, if they are told."""
    long = {"model": "q:9b", "messages": [{"role": "user", "content": "x" * 1000}]}
    async with serving(store, {"OLLAMA_CONTEXT_LENGTH": "64"}) as engine:
        status, answer = await engine.post(CHAT, **long)
        assert (200, 34) == (status, answer["usage"]["prompt_tokens"])
        assert 200 == (await engine.post("/api/chat", **long))[0]
        status, answer = await engine.post("/api/chat", **long, truncate=False)
        assert (400, True) == (status, "exceeds the available context size (64 tokens)" in answer["error"])


async def test_another_model_or_context_loads_anew(store: Path) -> None:
    """One runner at a time; a request without options keeps it."""
    async with serving(store) as engine:
        await engine.post(CHAT, **HELLO, model="q:9b")
        [first] = (await engine.seen())["children"]
        await engine.post(CHAT, **HELLO, model="q:9b")
        assert [first] == (await engine.seen())["children"]
        await engine.post("/api/chat", **HELLO, model="q:9b", options={"num_ctx": 128})
        [second] = (await engine.seen())["children"]
        await engine.post(CHAT, **HELLO, model="other")
        assert 3 == len({first, second, *(await engine.seen())["children"]})
        assert not psutil.pid_exists(first)


async def test_what_no_client_keeps_is_unloaded(store: Path) -> None:
    """After the time that was said, counted from the last request."""
    async with serving(store, {"OLLAMA_KEEP_ALIVE": "0.05s"}) as engine:
        await engine.post(CHAT, **HELLO, model="q:9b")
        async with asyncio.timeout(5):
            while (await engine.get("/api/ps"))[1]["models"]:
                pass


async def test_a_runner_that_dies_takes_the_error_with_it(store: Path) -> None:
    """A stream just ends; the server lives, and loads anew for the next."""
    async with serving(store, crash_after=2) as engine:
        _, events = await engine.post(CHAT, **HELLO, model="q:9b", stream=True)
        [option] = json.loads(events[-1])["choices"]
        assert ("", None, "") == (option["delta"]["content"], option["finish_reason"], json.loads(events[-1])["model"])
        status, answer = await engine.post(CHAT, **HELLO, model="q:9b")
        assert (500, True) == (status, "unexpected EOF" in answer["error"]["message"])
        await engine.post("/_script", crash_after=None)
        assert 200 == (await engine.post(CHAT, **HELLO, model="q:9b"))[0]


async def test_a_killed_server_leaves_its_runner(store: Path) -> None:
    """As real ones do; SIGTERM takes it along."""
    async with serving(store) as engine:
        await engine.post("/api/generate", model="q:9b")
        [runner] = (await engine.seen())["children"]
        await engine.killed()
        assert psutil.pid_exists(runner)
    async with serving(store) as engine:
        await engine.post("/api/generate", model="q:9b")
        [runner] = (await engine.seen())["children"]
        engine.process.terminate()
        assert 0 == await engine.process.wait()
        assert not psutil.pid_exists(runner)


async def test_a_port_that_is_taken_ends_it(store: Path) -> None:
    """With the words that hostd looks for."""
    async with serving(store) as engine:
        taken = {"OLLAMA_HOST": engine.url.removeprefix("http://")}
        async with played("ollama", "serve", env=taken | {"HOME": str(store)}) as second:
            assert 1 == await second.process.wait()
            await second.until_said("bind: address already in use")
