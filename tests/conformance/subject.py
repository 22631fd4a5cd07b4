"""An engine under test: a real instance, what it reports, and a client that asks it as hostd would."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import psutil

from hostd.backends.http.response import Response
from hostd.backends.registry import backends
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import RequestError
from hostd.scheduling.events import EngineFailed, EngineReady, Event
from hostd.sizing.variants import BoundVariant
from hostd.supervisor.health.watchdog import ProbeTimings
from hostd.supervisor.instance import Instance
from hostd.supervisor.process.orphan_reaper import OrphanReaper
from hostd.supervisor.run_services import RunServices
from tests.conformance.engine import Engine, Stand

CHAT = "/v1/chat/completions"
PATIENT = ProbeTimings(interval=3600.0)
SOON = 12.0
"""Seconds within which whatever has to happen soon must have happened."""
_COMPUTES = 0.2


class Subject:
    """One instance of *engine*, standing as *stand* says."""

    def __init__(self, engine: Engine, stand: Stand, reaper: OrphanReaper, timings: ProbeTimings = PATIENT) -> None:
        self.engine = engine
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.last: EngineReady | None = None
        known = backends(stand.commands)
        options = [BoundVariant.of(variant, known) for variant in stand.profile.variants]
        services = RunServices(self.events.put_nowait, reaper, timings, lambda *_: None)
        self.instance = Instance(stand.profile, options, services)

    async def next(self, seconds: float | None = None) -> Event:
        """Return what is reported next, within *seconds* or the time that this engine may take to start."""
        async with asyncio.timeout(seconds or self.engine.seconds):
            return await self.events.get()

    async def ready(self) -> EngineReady:
        """Return the report that it is ready, starting it unless it runs."""
        if self.last is None or self.instance.server is None:
            self.instance.start()
            event = await self.next()
            assert isinstance(event, EngineReady), (event, *self.instance.ring.tail(20))
            self.last = event
        return self.last

    async def broke(self, seconds: float | None = None) -> EngineFailed:
        """Return how it broke, which is the next report."""
        event = await self.next(seconds)
        assert isinstance(event, EngineFailed), event
        await self.instance.ended()
        return event

    async def processes(self) -> list[psutil.Process]:
        """Return the processes of the engine."""
        return [psutil.Process(pid) for pid in (await self.instance.usage()).pids]

    @asynccontextmanager
    async def asking(self, **body: Any) -> AsyncIterator[Response]:
        """Ask for a chat; the client hangs up at the end of the scope."""
        messages = [{"role": "user", "content": self.engine.prompt}]
        document = RequestDocument.of({"model": self.instance.profile.name, "messages": messages, **body})
        with self.instance.lease() as lease:
            said = (await lease.translate(document)).encode()
            headers = {"Content-Type": "application/json", **lease.endpoint.headers}
            response = await lease.http.send("POST", lease.endpoint.url + CHAT, headers, said)
            try:
                yield response
            finally:
                response.close()

    async def whole(self, **body: Any) -> tuple[int, Mapping[str, Any]]:
        """Return the status and the document of an answer in one piece."""
        async with self.asking(**body) as response:
            return response.status, json.loads(await response.read())

    async def refusal(self, **body: Any) -> int:
        """Return the status of a refusal: the engine's own, or that of the backend that guards it."""
        try:
            async with self.asking(**body) as response:
                return response.status
        except RequestError as error:
            return error.status

    async def busy(self) -> bool:
        """Return whether the engine works: on a slot, where it reports slots, else as its CPU time shows."""
        server = self.instance.server
        assert server is not None
        report = await server.backend.progress(server.http, server.launch.endpoint)
        if report is not None:
            return not report.is_idle
        before = await self.instance.usage()
        await asyncio.sleep(0.5)
        after = await self.instance.usage()
        return after.cpu_seconds - before.cpu_seconds >= _COMPUTES * 0.5

    async def until_busy(self, *, expected: bool) -> None:
        """Return when the engine works, or when it rests."""
        # llama-server looks for disconnected clients after a second in which it had no result for any client, /slots included.
        # On a busy machine that second takes longer, and asking again too soon would put it off for ever.
        pause, longer = (0.02, 1.0) if expected else (1.2, 2.0)
        # No longer than that: a long answer would have ended by itself.
        async with asyncio.timeout(SOON):
            while expected is not await self.busy():
                await asyncio.sleep(pause)
                pause *= longer

    async def until_working(self, slots: int) -> None:
        """Return when it works on so many requests, or, where it does not report slots, after a second."""
        server = self.instance.server
        assert server is not None
        async with asyncio.timeout(SOON):
            while (report := await server.backend.progress(server.http, server.launch.endpoint)) is not None:
                if len(report.slots) >= slots:
                    return
                await asyncio.sleep(0.02)
        await asyncio.sleep(1.0)

    async def end(self) -> None:
        """Stop it, whatever it does."""
        self.instance.stop()
        await self.instance.ended()
        self.instance.ring.close()


async def _lines(response: Response) -> AsyncIterator[bytes]:
    held = b""
    while some := await response.some():
        *lines, held = (held + some).split(b"\n")
        for line in lines:
            yield line


async def words(response: Response) -> AsyncIterator[str]:
    """Yield the pieces of text of a stream; the last word is ``[DONE]``."""
    async for line in _lines(response):
        data = line.decode().removeprefix("data:").strip()
        if not line.startswith(b"data:"):
            continue
        if data == "[DONE]":
            yield data
            return
        for option in json.loads(data).get("choices", []):
            if text := option["delta"].get("content"):
                yield text
