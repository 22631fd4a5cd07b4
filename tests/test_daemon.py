"""The daemon as a process: it boots, it drains, and however it ends, no engine is left."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
import yaml

from hostd.daemon import LOOP_SWITCH
from tests.stage import CHAT, ENGINE, until

ROOT = Path(__file__).parents[1]
SAID = {"model": "alpha", "messages": [{"role": "user", "content": "hello"}]}


class Daemon:
    """A running daemon, its log, and a client for it."""

    def __init__(self, process: asyncio.subprocess.Process, http: aiohttp.ClientSession) -> None:
        self.process = process
        self.http = http
        self.log: list[dict[str, Any]] = []
        self.words = ""
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            if line.startswith(b"{"):
                self.log.append(json.loads(line))
            else:
                self.words += line.decode()

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of the log that tell of *event*."""
        return [line for line in self.log if line["event"] == event]

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.logged('listening')[0]['addresses'][0]}"

    async def get(self, path: str) -> Any:
        """Return the document at *path*."""
        async with self.http.get(self.url + path) as response:
            return await response.json()

    async def ready(self) -> None:
        """Return when every model is loaded that should be."""
        await until(lambda: self.logged("boot_done"))

    async def engines(self) -> list[psutil.Process]:
        """Return its engines."""
        rows = (await self.get("/hostd/v1/status"))["instances"]
        return [psutil.Process(row["pid"]) for row in rows if row["pid"]]

    async def stream(self) -> bytes:
        """Ask for a streamed answer and return all of it that comes."""
        body = b""
        async with self.http.post(self.url + CHAT, json=SAID | {"stream": True}) as response:
            try:
                async for chunk in response.content.iter_any():
                    body += chunk
            except aiohttp.ClientError:
                body += b"cut"
        return body

    async def ended(self, seconds: float = 30.0) -> int:
        """Return the exit code, once it has one."""
        async with asyncio.timeout(seconds):
            code = await self.process.wait()
            await self.reading
            return code


Start = Callable[..., Awaitable[Daemon]]


@pytest.fixture
async def start(tmp_path: Path, weights: Path) -> AsyncIterator[Start]:
    """Start a daemon that serves models with these scripts; every process of it is ended."""
    daemons: list[Daemon] = []

    async def begin(
        *,
        listening: bool = True,
        host: dict[str, Any] | None = None,
        loop: str = "",
        more: dict[str, str] | None = None,
        **scripts: object,
    ) -> Daemon:
        quiet = {"warm": {"probe": False}}
        settings = {"server": {"listen": "127.0.0.1:0"}, **quiet, "backends": {"llamacpp": {"command": list(ENGINE)}}}
        (tmp_path / "hostd.yaml").write_text(yaml.safe_dump(settings | (host or {})))
        folder = tmp_path / "model_profiles"
        folder.mkdir(exist_ok=True)
        for name, script in scripts.items():
            profile = {
                "name": name,
                "variants": [{"backend": "llamacpp", "path": str(weights)}],
                "args": {"script": json.dumps(script)},
            }
            (folder / f"{name}.yaml").write_text(yaml.safe_dump(profile))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hostd", "serve", "--config", str(tmp_path / "hostd.yaml"), "--log-format", "json"),
            *("--log-level", "debug"),
            env={
                "PATH": os.environ["PATH"],
                "STATE_DIRECTORY": str(tmp_path / "state"),
                "HOME": str(tmp_path),
                LOOP_SWITCH: loop,
                **(more or {}),
            },
            cwd=ROOT,
            stderr=asyncio.subprocess.PIPE,
        )
        daemon = Daemon(process, aiohttp.ClientSession())
        daemons.append(daemon)
        if listening:
            await until(lambda: daemon.logged("listening") or process.returncode is not None, 20)
            assert process.returncode is None, daemon.words
        return daemon

    yield begin
    for daemon in daemons:
        if daemon.process.returncode is None:
            daemon.process.kill()
        await daemon.ended()
        await daemon.http.close()


@pytest.mark.slow
async def test_boots_and_drains(start: Start) -> None:
    """SIGTERM lets the answers in flight finish, then every engine is stopped, and the exit code is 0."""
    daemon = await start(alpha={"skip": 1, "tokens": 20, "token_delay": 0.02}, beta={"load_seconds": 0.1})
    assert {"alpha": "ready", "beta": "ready"} != (await daemon.get("/readyz"))["preload"]
    await daemon.ready()
    assert "ready" == (await daemon.get("/readyz"))["status"]
    engines = await daemon.engines()
    assert 2 == len(engines)
    answering = asyncio.create_task(daemon.stream())
    await until(lambda: daemon.logged("routed"))
    daemon.process.terminate()
    assert 0 == await daemon.ended()
    assert (await answering).endswith(b"data: [DONE]\n\n")
    assert not [engine for engine in engines if engine.is_running()]
    assert daemon.logged("closed")


@pytest.mark.slow
async def test_goes_on_after_signals_that_are_not_for_the_end(start: Start) -> None:
    """Tools that rotate logs end no engine, nor does a terminal that closes, whose signal is a reload; SIGTERM still does."""
    daemon = await start(alpha={"tokens": 3})
    await daemon.ready()
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        daemon.process.send_signal(number)
    await until(lambda: len(daemon.logged("signal_ignored")) == 2 and daemon.logged("reconfigured"))
    assert (await daemon.stream()).endswith(b"data: [DONE]\n\n")
    daemon.process.terminate()
    assert 0 == await daemon.ended()


@pytest.mark.slow
async def test_tells_systemd_how_it_is(start: Start, tmp_path: Path) -> None:
    """Ready once it listens, alive as long as it decides, its models in the status line, and stopping at the end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        variables = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "600000"}
        daemon = await start(alpha={"tokens": 3}, more=variables)
        told: list[str] = []

        def told_of(word: str) -> bool:
            with suppress(BlockingIOError):
                while True:
                    told.append(manager.recv(4096).decode())
            return any(word in message for message in told)

        await until(lambda: told_of("STATUS=1 of 1 models ready (alpha); 0 requests"))
        assert told[0].startswith("READY=1\nSTATUS=0 of 1 models ready")
        assert "WATCHDOG=1" in told
        daemon.process.terminate()
        await until(lambda: told_of("STOPPING=1\nEXTEND_TIMEOUT_USEC="))
        assert 0 == await daemon.ended()


@pytest.mark.slow
@pytest.mark.parametrize(("loop", "module"), [("", "uvloop"), ("uvloop", "uvloop"), ("asyncio", "asyncio")])
async def test_runs_on_either_event_loop(start: Start, loop: str, module: str) -> None:
    """On uvloop's where it is installed, unless the environment asks for asyncio's; it serves and stops alike."""
    pytest.importorskip("uvloop")
    daemon = await start(alpha={"tokens": 3}, loop=loop)
    assert daemon.logged("listening")[0]["loop"].startswith(module)
    await daemon.ready()
    (engine,) = await daemon.engines()
    assert (await daemon.stream()).endswith(b"data: [DONE]\n\n")
    daemon.process.send_signal(signal.SIGINT)
    assert 0 == await daemon.ended()
    assert not alive(engine)


@pytest.mark.slow
async def test_knows_no_other_event_loop(start: Start) -> None:
    """A misspelt switch is said, not passed over."""
    daemon = await start(listening=False, loop="uvlop")
    assert 1 == await daemon.ended()
    assert "HOSTD_EVENT_LOOP=uvlop: write uvloop or asyncio" in daemon.words


@pytest.mark.slow
async def test_leaves_no_engine_when_it_is_killed(start: Start) -> None:
    """After kill -9 every engine is gone within five seconds, also one that ignores SIGTERM, and its children."""
    daemon = await start(alpha={"ignore_sigterm": True, "leak_children": "session"}, beta={})
    await daemon.ready()
    engines = await daemon.engines()
    async with daemon.http.get(f"{engines_url(engines[0])}/_seen") as response:
        leaked = [psutil.Process(pid) for pid in (await response.json())["children"]]
    assert (2, 1) == (len(engines), len(leaked))
    daemon.process.kill()
    await daemon.ended()
    await until(lambda: not [engine for engine in (*engines, *leaked) if alive(engine)], 5.0)


def engines_url(engine: psutil.Process) -> str:
    """Return where an engine listens, by its command line."""
    words = engine.cmdline()
    return f"http://127.0.0.1:{words[words.index('--port') + 1]}"


def alive(process: psutil.Process) -> bool:
    """Return whether *process* runs; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.slow
async def test_ends_what_a_killed_daemon_left(start: Start) -> None:
    """Should even the reaper be gone, the next start finds the engines in their records and ends them."""
    first = await start(alpha={})
    await first.ready()
    (engine,) = await first.engines()
    daemon = psutil.Process(first.process.pid)
    daemon.suspend()  # so that it does not start another reaper
    for child in daemon.children():
        if child.pid != engine.pid:
            child.kill()
    daemon.kill()
    await first.ended()
    assert alive(engine)
    second = await start(alpha={})
    await second.ready()
    assert not alive(engine)
    assert "model='alpha'" in second.logged("leftover_engine_ended")[0]["engine"]
    second.process.send_signal(signal.SIGINT)
    assert 0 == await second.ended()


@pytest.mark.slow
async def test_a_second_signal_hurries(start: Start) -> None:
    """A second Ctrl-C does not wait for the answers in flight; the engines are ended all the same."""
    daemon = await start(alpha={"skip": 1, "stall_after": 1})
    await daemon.ready()
    engines = await daemon.engines()
    answering = asyncio.create_task(daemon.stream())
    await until(lambda: daemon.logged("routed"))
    daemon.process.send_signal(signal.SIGINT)
    await until(lambda: daemon.logged("closing"))
    assert daemon.process.returncode is None
    daemon.process.send_signal(signal.SIGINT)
    assert 130 == await daemon.ended(2.0)
    (answer,) = await asyncio.gather(answering, return_exceptions=True)
    # On a machine that has much to do, not even its head may have been sent.
    assert isinstance(answer, aiohttp.ClientError) or b"[DONE]" not in answer  # type: ignore[operator]  # bytes then
    await until(lambda: not [engine for engine in engines if alive(engine)], 5.0)


@pytest.mark.slow
async def test_closes_while_a_log_is_followed(start: Start) -> None:
    """Neither a follower of logs nor a load that is asked for at the last moment delays the shutdown."""
    daemon = await start(alpha={"skip": 1, "tokens": 30, "token_delay": 0.02})
    await daemon.ready()
    async with daemon.http.get(daemon.url + "/hostd/v1/models/alpha/logs?follow=1") as following:
        answering = asyncio.create_task(daemon.stream())
        await until(lambda: daemon.logged("routed"))
        daemon.process.terminate()
        await until(lambda: daemon.logged("closing"))
        async with daemon.http.post(daemon.url + "/hostd/v1/models/alpha/load?wait=0") as response:
            assert response.status < 500
        assert 0 == await daemon.ended(8.0)
        assert (await answering).endswith(b"data: [DONE]\n\n")
        assert b"listening" in await following.read()


@pytest.mark.slow
async def test_serves_where_no_state_can_be_kept(start: Start, tmp_path: Path) -> None:
    """A state folder that cannot be made is said in one line, with all that follows from it, and no reason not to serve."""
    (tmp_path / "state").write_text("a file where a folder should be")
    daemon = await start(alpha={})
    await daemon.ready()
    assert (await daemon.stream()).endswith(b"data: [DONE]\n\n")
    daemon.process.terminate()
    assert 0 == await daemon.ended()
    assert ["state_not_kept"] == [line["event"] for line in daemon.log if line["level"] == "warning"]


@pytest.mark.slow
async def test_a_second_daemon_leaves_the_first_ones_engines_alone(start: Start) -> None:
    """With the same state folder and another port, it ends with a sentence before it has ended anything."""
    first = await start(alpha={})
    await first.ready()
    (engine,) = await first.engines()
    second = await start(listening=False, alpha={})
    assert 1 == await second.ended()
    assert str(first.process.pid) in second.words or sys.platform != "linux"
    assert "STATE_DIRECTORY" in second.words
    assert alive(engine)
    assert [engine] == await first.engines()


@pytest.mark.slow
async def test_engines_get_what_the_owner_says(start: Start) -> None:
    """Variables of the backend reach its engine, the daemon's own stay behind, and the log names those that look meant for it."""
    said = {"llamacpp": {"command": list(ENGINE), "env": {"GGML_NOTE": "from the file"}}}
    daemon = await start(host={"backends": said}, more={"LLAMA_ARG_THREADS": "2", "NOTHING": "x"}, alpha={})
    await daemon.ready()
    (engine,) = await daemon.engines()
    environ = engine.environ()
    assert "from the file" == environ["GGML_NOTE"]
    assert not {"LLAMA_ARG_THREADS", "NOTHING", "STATE_DIRECTORY"} & environ.keys()
    assert ["LLAMA_ARG_THREADS"] == daemon.logged("environment_not_passed")[0]["names"]


@pytest.mark.slow
async def test_says_why_it_cannot_start(start: Start) -> None:
    """A port in use is exit 1 with the program that has it; a mistake in a file is exit 78; both without any engine."""
    first = await start(alpha={})
    address = first.url.removeprefix("http://")
    second = await start(listening=False, host={"server": {"listen": address}})
    assert 1 == await second.ended()
    assert f"hostd: cannot listen on {address}: it is in use by " in second.words
    assert f"(pid {first.process.pid})" in second.words
    third = await start(listening=False, host={"sever": {}})
    assert 78 == await third.ended()
    assert "sever" in third.words
    first.process.terminate()
    assert 0 == await first.ended()


@pytest.mark.slow
async def test_a_log_that_nobody_reads_stops_nothing(tmp_path: Path) -> None:
    """The pipe is full after a few hundred lines; every request is answered, and SIGTERM ends the daemon."""
    (tmp_path / "hostd.yaml").write_text("server: {listen: '127.0.0.1:0'}\n")
    reader, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hostd", "serve", "--config", str(tmp_path / "hostd.yaml"), "--log-format", "json"),
        env={"PATH": os.environ["PATH"], "STATE_DIRECTORY": str(tmp_path / "state"), "HOME": str(tmp_path)},
        stderr=writing,
    )
    try:
        words = b""
        while b"boot_done" not in words:
            words += await asyncio.to_thread(os.read, reader, 4096)
        lines = (json.loads(line) for line in words.splitlines() if line.startswith(b"{"))
        address = next(line["addresses"][0] for line in lines if line["event"] == "listening")
        os.set_blocking(writing, False)
        with suppress(BlockingIOError):
            while True:
                os.write(writing, b"x" * 4096)
        os.set_blocking(writing, True)
        process.send_signal(signal.SIGHUP)  # makes a line
        async with aiohttp.ClientSession() as http, asyncio.timeout(10):
            for _ in range(3):
                async with http.get(f"http://{address}/healthz") as response:
                    assert response.status == 200
        process.terminate()
        async with asyncio.timeout(15):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(reader)
        os.close(writing)
