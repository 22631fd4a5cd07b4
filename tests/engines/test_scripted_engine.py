"""The scripted engine behaves like llama-server, and fails as its script says."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from hostd.backends.llamacpp import faults
from hostd.supervisor.launch import free_port

pytestmark = pytest.mark.slow

PROGRAM = (sys.executable, str(Path(__file__).with_name("scripted_engine.py")))
CHAT = "/v1/chat/completions"
SAID: dict[str, Any] = {"messages": [{"role": "user", "content": "hello"}]}


class Engine:
    """One scripted engine, and a client for it."""

    def __init__(self, process: asyncio.subprocess.Process, http: aiohttp.ClientSession, log: Path) -> None:
        self.process = process
        self.http = http
        self.log = log

    async def healthy(self) -> bool:
        """Return whether the engine says that it is loaded."""
        try:
            return bool({"status": "ok"} == await self.get("/health"))
        except aiohttp.ClientConnectionError:
            return False

    async def until_loading(self) -> None:
        """Return when the port is open."""
        async with asyncio.timeout(5):
            while True:
                with suppress(aiohttp.ClientConnectionError):
                    await self.get("/health")
                    return

    async def died_of(self) -> tuple[int, str]:
        """Return the exit status, once there is one, and the class that the backend reads from the last lines."""
        status = await self.process.wait()
        return status, faults.classify(status, tuple(self.log.read_text().splitlines()))

    async def get(self, path: str) -> Any:
        """Return the document at *path*."""
        async with self.http.get(path) as response:
            return await response.json()

    async def post(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Return the status and the document that answer *body*."""
        async with self.http.post(path, json=body) as response:
            return response.status, await response.json()

    async def script(self, **changes: object) -> None:
        """Change the script."""
        assert 200 == (await self.post("/_script", changes))[0]

    async def stream(self, path: str = CHAT, **body: object) -> list[str]:
        """Return the events of a stream, without their ``data:``; ``cut`` last when it did not end in good order."""
        lines: list[str] = []
        try:
            async with self.http.post(path, json={**SAID, "stream": True, **body}) as response:
                async for line in response.content:
                    lines += [line.decode().removeprefix("data: ").strip()] if line.strip() else []
        except aiohttp.ClientError:
            lines.append("cut")
        return lines

    async def until_seen(self, **expected: int) -> None:
        """Return when the engine has counted what is *expected*."""
        async with asyncio.timeout(5):
            seen: dict[str, int] = {}
            while seen != expected:
                seen = {name: count for name, count in (await self.get("/_seen")).items() if name in expected}


Start = Callable[..., Awaitable[Engine]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Start engines with a script and flags; all are ended by pid."""
    engines: list[Engine] = []

    async def begin(*flags: str, ready: bool = True, key: str | None = None, **script: object) -> Engine:
        port = free_port()
        argv = (*PROGRAM, "-m", "model", "--alias", "demo", "--port", str(port), "--script", json.dumps(script), *flags)
        env = {"LLAMA_API_KEY": key} if key else {}
        log = tmp_path / f"{port}.log"
        with log.open("wb") as file:
            process = await asyncio.create_subprocess_exec(*argv, env=env, stderr=file)
        engine = Engine(process, aiohttp.ClientSession(f"http://127.0.0.1:{port}"), log)
        engines.append(engine)
        async with asyncio.timeout(5):
            while ready and not await engine.healthy():
                pass
        return engine

    yield begin
    for engine in engines:
        await engine.http.close()
        with suppress(ProcessLookupError):
            engine.process.kill()
        await engine.process.wait()


def text(events: list[str]) -> str:
    """Return what the chunks of a chat say together."""
    chunks = [json.loads(event) for event in events if event.startswith("{")]
    deltas = [option["delta"] for chunk in chunks for option in chunk["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)


class TestDialect:
    """What a client of llama-server sees."""

    async def test_streams_as_llama_server_does(self, start: Start) -> None:
        """A role without content, the tokens, a reason, the usage if asked for, and [DONE]."""
        engine = await start()
        events = await engine.stream(max_tokens=2, stream_options={"include_usage": True})
        chunks = [json.loads(event) for event in events[:-1]]
        deltas = [option["delta"] for chunk in chunks for option in chunk["choices"]]
        assert [{"role": "assistant", "content": None}, {"content": "w0 "}, {"content": "w1 "}, {}] == deltas
        assert [None, None, None, "length"] == [c["choices"][0]["finish_reason"] for c in chunks[:4]]
        assert (2, []) == (chunks[4]["usage"]["completion_tokens"], chunks[4]["choices"])
        assert {"demo"} == {chunk["model"] for chunk in chunks}
        assert "[DONE]" == events[-1]

    async def test_completes_text(self, start: Start) -> None:
        """The older route has its own shape, in pieces and in one."""
        engine = await start(tokens=2)
        status, whole = await engine.post("/v1/completions", {"prompt": "x"})
        assert (200, "w0 w1 ", "stop") == (status, whole["choices"][0]["text"], whole["choices"][0]["finish_reason"])
        *chunks, done = await engine.stream("/v1/completions", prompt="x")
        assert ["w0 ", "w1 ", ""] == [json.loads(chunk)["choices"][0]["text"] for chunk in chunks]
        assert "[DONE]" == done

    async def test_embeds_only_when_told_to(self, start: Start) -> None:
        """Without its flag it refuses as llama-server does; with it, one text has one vector."""
        assert 501 == (await (await start()).post("/v1/embeddings", {"input": "x"}))[0]
        engine = await start("--embeddings")
        vectors = (await engine.post("/v1/embeddings", {"input": ["a", "b", "a"]}))[1]["data"]
        assert 3 == len(vectors)
        assert vectors[0]["embedding"] == vectors[2]["embedding"] != vectors[1]["embedding"]

    async def test_wants_its_key_except_for_health(self, start: Start) -> None:
        """With LLAMA_API_KEY set, everything but /health is 401 without it."""
        engine = await start(key="secret")
        assert 401 == (await engine.post(CHAT, SAID))[0]
        async with engine.http.post(CHAT, json=SAID, headers={"Authorization": "Bearer secret"}) as response:
            assert 200 == response.status

    async def test_tells_about_itself(self, start: Start) -> None:
        """Models, properties, slots and metrics are where llama-server has them."""
        engine = await start("-np", "2", "-c", "1000", first_token_delay=60)
        assert "demo" == (await engine.get("/v1/models"))["data"][0]["id"]
        props = await engine.get("/props")
        assert (2, 500) == (props["total_slots"], props["default_generation_settings"]["n_ctx"])
        asked = [asyncio.create_task(engine.stream()) for _ in range(3)]
        await engine.until_seen(in_flight=3, decoding=2)
        slots = await engine.get("/slots")
        assert [(True, 0), (True, 0)] == [(s["is_processing"], s["next_token"][0]["n_decoded"]) for s in slots]
        async with engine.http.get("/metrics") as response:
            assert "llamacpp:requests_processing 2\nllamacpp:requests_deferred 1\n" == await response.text()
        assert (200, {"tokens": [3, 2]}) == await engine.post("/tokenize", {"content": "two or"})
        for task in asked:
            task.cancel()
        await engine.until_seen(in_flight=0, aborted=3)

    async def test_refuses_what_llama_server_refuses(self, start: Start) -> None:
        """Broken JSON, no messages, an unknown route, and a prompt beyond the context each have their status."""
        engine = await start("-c", "100", "-np", "1")
        async with engine.http.post(CHAT, data=b"{") as response:
            assert 400 == response.status
        assert 400 == (await engine.post(CHAT, {}))[0]
        assert 404 == (await engine.post("/nope", {}))[0]
        status, body = await engine.post(CHAT, {"messages": [{"role": "user", "content": "x" * 500}]})
        assert (400, "exceed_context_size_error", 100) == (status, body["error"]["type"], body["error"]["n_ctx"])

    async def test_pings_while_it_thinks(self, start: Start) -> None:
        """A stream that waits for its first token carries comments, headers first."""
        engine = await start("--sse-ping-interval", "0.01", tokens=1, first_token_delay=0.05)
        assert [":"] * 4 == (await engine.stream())[:4]


class TestFaults:
    """What the script can do to requests."""

    @pytest.mark.parametrize(
        ("fault", "last", "said"),
        [
            ({"no_done": True}, "stop", "w0 w1 w2 "),
            ({"cut_after": 2}, "cut", "w0 w1 "),
            ({"crash_after": 2}, "cut", "w0 w1 "),
            ({"error_after": 1}, "server_error", "w0 "),
            ({"garbage_after": 1}, "[DONE]", ""),
        ],
        ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
    )
    async def test_breaks_a_stream(self, fault: dict[str, Any], last: str, said: str, start: Start) -> None:
        """Each way in which a stream can go wrong, after the tokens that were asked for."""
        engine = await start(tokens=3)
        await engine.script(**fault)
        events = await engine.stream()
        assert last in events[-1]
        if "garbage_after" in fault:
            assert '{"choices":[{"fin' == events[2]
        else:
            assert said == text([event for event in events if "error" not in event])
        if "crash_after" in fault:
            assert -signal.SIGKILL == await engine.process.wait()

    async def test_answers_with_a_status(self, start: Start) -> None:
        """A scripted status has llama-server's error body, and spares the first requests if told to."""
        engine = await start(status=503, skip=1)
        assert 200 == (await engine.post(CHAT, SAID))[0]
        status, body = await engine.post(CHAT, SAID)
        assert (503, 503) == (status, body["error"]["code"])
        await engine.script(status=None, too_long=True)
        assert "exceed_context_size_error" == (await engine.post(CHAT, SAID))[1]["error"]["type"]

    async def test_hangs_although_it_is_healthy(self, start: Start) -> None:
        """Requests and /slots get no answer while /health does, until the script lets go."""
        engine = await start(hang=True)
        asked = [asyncio.create_task(engine.post(CHAT, SAID)), asyncio.create_task(engine.get("/slots"))]
        await engine.until_seen(in_flight=1)
        assert await engine.healthy()
        assert not any(task.done() for task in asked)
        await engine.script(hang=None)
        answered, _ = await asyncio.gather(*asked)
        assert 200 == answered[0]

    async def test_stalls_until_released(self, start: Start) -> None:
        """A stalled stream continues where it stopped."""
        engine = await start(tokens=3, stall_after=2)
        asked = asyncio.create_task(engine.stream())
        await engine.until_seen(decoding=1)
        await engine.script(stall_after=None)
        assert "w0 w1 w2 " == text((await asked)[:-1])

    async def test_notices_a_client_that_leaves(self, start: Start) -> None:
        """A request whose client went away is counted as aborted and frees its slot."""
        engine = await start(token_delay=60)
        response = await engine.http.post(CHAT, json={**SAID, "stream": True}, headers={"x-test": "1"})
        await response.content.readline()
        response.close()
        await engine.until_seen(aborted=1, in_flight=0, decoding=0, completed=0, peak=1)
        request = (await engine.get("/_seen"))["requests"][-1]
        assert ("1", {**SAID, "stream": True}) == (request["headers"]["x-test"], json.loads(request["body"]))


class TestProcess:
    """What the script can do to the process."""

    async def test_takes_its_time_to_load(self, start: Start) -> None:
        """Until it is loaded, /health and requests are answered with 503."""
        engine = await start(never_ready=True, ready=False)
        await engine.until_loading()
        assert "Loading model" == (await engine.get("/health"))["error"]["message"]
        assert 503 == (await engine.post(CHAT, SAID))[0]

    @pytest.mark.parametrize("kind", ["out_of_memory", "bad_flag", "missing_file", "port_taken", "driver", "unknown"])
    async def test_dies_as_llama_server_dies(self, kind: str, start: Start) -> None:
        """The last words and the status of each failed load are what the backend knows them by."""
        engine = await start(load_fails=kind, ready=False)
        status, exit_class = await engine.died_of()
        assert status != 0
        assert kind == exit_class

    async def test_refuses_unknown_flags_only_when_strict(self, start: Start) -> None:
        """By default a flag that it does not know is passed over."""
        await start("--frobnicate", "on")
        engine = await start("--frobnicate", "--strict-flags", ready=False)
        assert 1 == await engine.process.wait()

    async def test_says_when_its_port_is_taken(self, start: Start) -> None:
        """The second engine on a port dies as llama-server does."""
        first = await start()
        assert first.http._base_url is not None
        engine = await start("--port", str(first.http._base_url.port), ready=False)
        assert (1, "port_taken") == await engine.died_of()

    async def test_obeys_sigterm_or_not(self, start: Start) -> None:
        """SIGTERM ends it with status 0, unless the script says otherwise."""
        engine = await start()
        engine.process.terminate()
        assert 0 == await engine.process.wait()
        engine = await start(ignore_sigterm=True)
        engine.process.terminate()
        assert await engine.healthy()

    async def test_exits_on_its_own(self, start: Start) -> None:
        """A lifetime ends with the status that the script names."""
        engine = await start(exit_after=0.01, exit_status=3, ready=False)
        assert 3 == await engine.process.wait()

    @pytest.mark.parametrize("kind", ["group", "session"])
    async def test_leaks_a_child(self, kind: str, start: Start) -> None:
        """A leaked process outlives the engine, in its group or in a session of its own."""
        engine = await start(leak_children=kind)
        [pid] = (await engine.get("/_seen"))["children"]
        child = psutil.Process(pid)
        try:
            assert ("session" == kind) == (child.ppid() != engine.process.pid)
            engine.process.kill()
            await engine.process.wait()
            assert child.is_running()
        finally:
            child.kill()
