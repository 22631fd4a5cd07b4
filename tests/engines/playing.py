"""Starts a scripted engine of any dialect for a test, and talks to it."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process, create_subprocess_exec
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from hostd.supervisor.launch import free_port

HELLO = {"messages": [{"role": "user", "content": "hello"}]}
CHAT = "/v1/chat/completions"


@dataclass
class Played:
    """A scripted engine that runs."""

    process: Process
    url: str
    http: aiohttp.ClientSession
    lines: list[str]

    async def get(self, path: str) -> tuple[int, Any]:
        """Return status and document, or text, of a page."""
        async with self.http.get(self.url + path) as answer:
            text = await answer.text()
            return answer.status, await answer.json() if text and answer.content_type.endswith("json") else text

    async def post(self, path: str, **body: object) -> tuple[int, Any]:
        """Return status and document of an answer to *body*; a stream's events as a list, ``cut`` last where it was."""
        try:
            async with self.http.post(self.url + path, json=body) as answer:
                if not body.get("stream") or answer.status != 200:
                    text = await answer.text()
                    return answer.status, await answer.json(content_type=None) if text else None
                events: list[str] = []
                try:
                    async for line in answer.content:
                        events += [line.decode().removeprefix("data: ").strip()] if line.strip() else []
                except aiohttp.ClientError:
                    events.append("cut")
                return answer.status, events
        except aiohttp.ClientConnectionError:
            return 0, None

    async def seen(self) -> dict[str, Any]:
        """Return what the engine has seen."""
        found = (await self.get("/_seen"))[1]
        assert isinstance(found, dict)
        return found

    async def killed(self) -> None:
        """Kill the engine's own process; its children live on, and with them the pipe that `Process.wait` would wait for."""
        self.process.kill()
        async with asyncio.timeout(5):
            while self.process.returncode is None:  # noqa: ASYNC110 - only the process itself says so
                await asyncio.sleep(0.01)

    async def until_said(self, words: str) -> str:
        """Return the line with *words*, once it has been written."""
        async with asyncio.timeout(5):
            while True:
                if found := [line for line in self.lines if words in line]:
                    return found[0]
                await asyncio.sleep(0.01)

    async def until_up(self, path: str) -> None:
        """Return when the port is open."""
        async with asyncio.timeout(10):
            while True:
                with suppress(aiohttp.ClientConnectionError):
                    await self.get(path)
                    return
                await asyncio.sleep(0.01)


@asynccontextmanager
async def played(dialect: str, *words: str, env: Mapping[str, str] | None = None) -> AsyncIterator[Played]:
    """Run ``scripted_DIALECT.py`` with *words*, in which ``PORT`` stands for a free port, and end it with all its group."""
    port = str(free_port())
    program = Path(__file__).with_name(f"scripted_{dialect}.py")
    process = await create_subprocess_exec(
        sys.executable,
        str(program),
        *(word.replace("PORT", port) for word in words),
        env={"PATH": os.environ["PATH"]} | {name: value.replace("PORT", port) for name, value in (env or {}).items()},
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,
    )
    lines: list[str] = []
    reading = asyncio.create_task(_read(process, lines))
    try:
        async with aiohttp.ClientSession() as http:
            yield Played(process, f"http://127.0.0.1:{port}", http, lines)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        await reading


async def _read(process: Process, lines: list[str]) -> None:
    assert process.stdout is not None
    while line := await process.stdout.readline():
        lines.append(line.decode().rstrip())
