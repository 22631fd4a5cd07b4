"""Real engines for the tests of their backends: started as hostd would, ended by the test, and asked over loopback."""

import asyncio
import os
import signal
import socket
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process, create_subprocess_exec
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from hostd.backends.contract import Launch
from hostd.backends.http.client import HttpClient
from hostd.backends.http.errors import ExchangeError
from tests.conformance.engine import Missing, python_of
from tests.http_client import client

CHAT = "/v1/chat/completions"
Test = TypeVar("Test", bound=Callable[..., object])


def installed(name: str, variable: str) -> str | None:
    """Return the Python of an engine's own environment, or None where it is not installed."""
    try:
        return python_of(name, variable)
    except Missing:
        return None


def needs(python: str | None, name: str) -> Callable[[Test], Test]:
    """Return what marks a test as slow, for such an engine takes seconds to start, and skips it where *name* is not installed."""
    missing = pytest.mark.skipif(python is None, reason=f"needs {name}: run scripts/test --engines")
    return lambda test: pytest.mark.slow(missing(test))


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def asked(text: str = "Hello", **fields: Any) -> dict[str, Any]:
    """Return a request for a chat."""
    return {"model": "anything", "messages": [{"role": "user", "content": text}], "max_tokens": 5, **fields}


@dataclass
class Running:
    """A started engine: how it was *launched*, its *process*, and what it has said so far."""

    launch: Launch
    process: Process
    http: HttpClient
    lines: list[str] = field(default_factory=list)

    async def ask(self, body: dict[str, Any], path: str = CHAT, **headers: str) -> tuple[int, Any]:
        """Return status and document of the answer to *body*."""
        keyed = {**self.launch.endpoint.headers, **headers}
        answer = await self.http.ask(self.launch.endpoint.url + path, keyed, body, seconds=None)
        return answer.status, answer.json()

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        """Return status and document of a page."""
        keyed = {**self.launch.endpoint.headers, **headers}
        answer = await self.http.ask(self.launch.endpoint.url + path, keyed, seconds=None)
        return answer.status, answer.json()

    async def until(self, seen: Callable[[], Awaitable[Any]], seconds: float = 20.0) -> Any:
        """Return what *seen* says, once that is true."""
        async with asyncio.timeout(seconds):
            while not (found := await seen()):  # noqa: ASYNC110 - what is waited for happens in another process
                await asyncio.sleep(0.02)
        return found


@asynccontextmanager
async def running(launch: Launch, *, seconds: float = 30.0) -> AsyncIterator[Running]:
    """Start an engine as hostd would, wait until its health page says 200, and kill its whole group at the end."""
    process = await create_subprocess_exec(
        *launch.argv, env=dict(launch.env), stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, start_new_session=True
    )
    try:
        async with client() as http:
            engine = Running(launch, process, http)
            reading = asyncio.create_task(_read(process, engine.lines))
            try:
                await engine.until(lambda: _healthy(engine), seconds)
                yield engine
            finally:
                reading.cancel()
    finally:
        await end(process)


async def died(launch: Launch, *, seconds: float = 30.0) -> tuple[int, tuple[str, ...]]:
    """Return status and last words of an engine that ends by itself."""
    process = await create_subprocess_exec(
        *launch.argv, env=dict(launch.env), stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, start_new_session=True
    )
    try:
        async with asyncio.timeout(seconds):
            said, _ = await process.communicate()
            return await process.wait(), tuple(said.decode("utf-8", "replace").splitlines()[-200:])
    finally:
        await end(process)


async def end(process: Process) -> None:
    """Kill what a test has started, children and all."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


async def _read(process: Process, lines: list[str]) -> None:
    assert process.stdout is not None
    while line := await process.stdout.readline():
        lines.append(line.decode("utf-8", "replace").rstrip())


async def _healthy(engine: Running) -> bool:
    said = "\n".join(engine.lines[-20:])
    assert engine.process.returncode is None, f"the engine ended with {engine.process.returncode}: {said}"
    url = engine.launch.endpoint.url + engine.launch.health
    try:
        return (await engine.http.ask(url, engine.launch.endpoint.headers, seconds=None)).status == 200
    except ExchangeError:
        return False


def snapshot(cache: Path, repository: str) -> Path:
    """Return the folder that the model hub's *cache* has for a repository; it is made, empty."""
    home, commit = cache / f"models--{repository.replace('/', '--')}", "a" * 40
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(commit, encoding="ascii")
    folder = home / "snapshots" / commit
    folder.mkdir(parents=True)
    return folder
