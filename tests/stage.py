"""A real gateway on a loopback port, with scripted engines behind it, and a client in front of it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from hostd.assembly import Application, build
from hostd.domain.catalog import Catalog
from hostd.domain.host import Host
from hostd.domain.lifecycle import State
from hostd.domain.profile import FallbackRule, Limits, Profile, Settings, Variant, WarmSettings
from hostd.domain.reason import FallbackReason
from hostd.gateway.context import AppContext
from hostd.gateway.http.listeners import base_url, open_listeners
from hostd.gateway.http.server import connections_to, make_server
from hostd.gateway.http.server_changes import ServerChanges
from hostd.scheduling.circuit_breaker import CircuitBreaker
from hostd.scheduling.events import ShutdownRequested
from hostd.scheduling.model_state import ModelState
from hostd.supervisor.health.watchdog import ProbeTimings
from hostd.supervisor.instance import Instance

ENGINE = (sys.executable, str(Path(__file__).with_name("engines") / "scripted_engine.py"))
CHAT = "/v1/chat/completions"
COLD = WarmSettings(preload=False)
FAULTS = (
    *("tokens", "token_delay", "first_token_delay", "status", "too_long", "hang", "stall_after", "crash_after"),
    *("crash_status", "cut_after", "garbage_after", "error_after", "no_done", "skip", "prompt_batches", "batch_delay"),
)


def make_profile(
    name: str,
    weights: Path | str,
    script: Mapping[str, object] | None = None,
    *,
    to: tuple[str, ...] = (),
    on: frozenset[FallbackReason] = frozenset(FallbackReason),
    slots: int = 2,
    ping: float = 2.0,
    **more: Any,
) -> Profile:
    """Return a profile that a scripted engine serves; *to* are its fallbacks for the reasons *on*.

    A stream that waits gets a comment from the engine each *ping* seconds.
    """
    limits = {"max_concurrent": slots, **more.pop("limits", {})}
    return Profile(
        name=name,
        variants=more.pop("variants", (Variant("llamacpp", path=str(weights)),)),
        slots=slots,
        args={"script": json.dumps(script or {}), "sse-ping-interval": ping},
        fallback=tuple(FallbackRule(other, on) for other in to),
        limits=Limits(**limits),
        **more,
    )


def make_settings(*profiles: Profile, listen: tuple[str, ...] = ("127.0.0.1:0",), **more: Any) -> Settings:
    """Return settings whose engines are all scripted ones."""
    named = {profile.name: profile for profile in profiles}
    return Settings(listen=listen, profiles=named, commands={"llamacpp": ENGINE}, **more)


@dataclass(frozen=True)
class Answer:
    """What a client got: a status, headers, the bytes, and whether the connection broke before the end."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool = False

    @property
    def json(self) -> Any:
        """The body as a document."""
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error object, from the body or from the last event."""
        document = json.loads(self.events[-1]) if self.body.startswith((b"data:", b":")) else self.json
        error = document["error"]
        assert isinstance(error, dict)
        return error

    @property
    def events(self) -> list[str]:
        """The data of the events of a stream; comments are no data."""
        lines = self.body.decode().split("\n")
        return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]

    @property
    def comments(self) -> list[str]:
        """The comments of a stream."""
        return [line[1:].strip() for line in self.body.decode().split("\n") if line.startswith(":")]

    @property
    def text(self) -> str:
        """What the chunks of a chat say together."""
        chunks = [json.loads(event) for event in self.events if event.startswith("{")]
        options = [option for chunk in chunks for option in chunk.get("choices", [])]
        return "".join(option["delta"].get("content") or "" for option in options)

    @property
    def route(self) -> tuple[str, str]:
        """Who answered, and by which route."""
        return self.headers["x-hostd-model"], self.headers["x-hostd-route"]


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Return when *condition* holds.

    Raises:
        TimeoutError: It still does not after *seconds*.
    """
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # these conditions are announced by nothing, so they are polled
            await asyncio.sleep(0.003)


@dataclass
class Stage:
    """A daemon that serves within this process, and a client for it."""

    app: AppContext
    url: str
    http: aiohttp.ClientSession
    application: Application
    asking: list[asyncio.Task[Answer]] = field(default_factory=list)

    def model_state(self, model: str) -> ModelState:
        """Return the scheduler's state of *model*."""
        return self.app.dispatcher.scheduler.models[model]

    def instance(self, model: str) -> Instance:
        """Return the instance of *model*."""
        return self.app.instances[model]

    async def send(self, method: str, path: str, **more: Any) -> Answer:
        """Send anything anywhere and return all of the answer that comes."""
        body, cut = b"", False
        async with self.http.request(method, self.url + path, **more) as response:
            try:
                async for chunk in response.content.iter_any():
                    body += chunk
            except aiohttp.ClientError:
                cut = True
            return Answer(response.status, response.headers, body, cut)

    async def get(self, path: str, **headers: str) -> Answer:
        """Get *path*."""
        return await self.send("GET", path, headers=headers)

    async def ask(self, model: str, path: str = CHAT, headers: Mapping[str, str] | None = None, **body: Any) -> Answer:
        """Ask *model* for an answer in one piece, or for a stream with ``stream=True``."""
        said: dict[str, object] = {"model": model}
        if path == CHAT:
            said["messages"] = [{"role": "user", "content": "hello"}]
        return await self.send("POST", path, json=said | body, headers=dict(headers or {}))

    async def stream(self, model: str, headers: Mapping[str, str] | None = None, **body: Any) -> Answer:
        """Ask *model* for a streamed chat."""
        return await self.ask(model, headers=headers, stream=True, **body)

    def begin(self, model: str, **body: Any) -> asyncio.Task[Answer]:
        """Ask without waiting; the task is cancelled when the stage is cleared."""
        task = asyncio.create_task(self.ask(model, **body))
        self.asking.append(task)
        return task

    async def clear(self) -> None:
        """Let go of everything that was begun."""
        for task in self.asking:
            task.cancel()
        await asyncio.gather(*self.asking, return_exceptions=True)
        self.asking.clear()
        await until(lambda: all(not model.serving for model in self.app.dispatcher.scheduler.models.values()))

    async def of_engine(self, model: str, path: str, **more: Any) -> Any:
        """Ask the scripted engine of *model* itself."""
        launch = self.instance(model).launch
        assert launch is not None
        method = "POST" if "json" in more else "GET"
        async with self.http.request(method, launch.endpoint.url + path, **more) as response:
            return await response.json()

    async def script(self, model: str, **changes: object) -> None:
        """Change what the engine of *model* does."""
        await self.of_engine(model, "/_script", json=changes)

    async def seen(self, model: str) -> dict[str, Any]:
        """Return what the engine of *model* has seen."""
        seen = await self.of_engine(model, "/_seen")
        assert isinstance(seen, dict)
        return seen

    async def until_seen(self, model: str, **expected: int) -> None:
        """Return when the engine of *model* has counted what is *expected*."""
        async with asyncio.timeout(10):
            seen: dict[str, Any] = {}
            while seen != expected:
                seen = {name: count for name, count in (await self.seen(model)).items() if name in expected}

    async def _mended(self, model: str) -> bool:
        """Take every fault from a running engine; return whether there was one to take them from."""
        if self.model_state(model).state is not State.READY:
            return False
        try:
            await self.script(model, **dict.fromkeys(FAULTS))
        except aiohttp.ClientError:
            await until(lambda: self.model_state(model).restarts.streak)
            return False
        return True

    async def restore(self) -> None:
        """Make every engine that should be warm do nothing but answer, and forget that any was ever broken."""
        await self.clear()
        for name, model in self.app.dispatcher.scheduler.models.items():
            model.breaker = CircuitBreaker()
            if not model.profile.warm.preload:
                await self.app.dispatcher.unload(name)
            elif model.restarts.streak or not await self._mended(name):
                await self.app.dispatcher.unload(name)
                assert State.READY is await self.app.dispatcher.load(name)


@asynccontextmanager
async def rogue(stage: Stage, model: str, *pieces: bytes, kind: str = "text/event-stream") -> AsyncIterator[None]:
    """Put a server that sends *pieces* one by one, and then closes, in the place of the engine of *model*."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A client that leaves again says nothing.
        with closing(writer), suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n".encode())
            for piece in pieces:
                writer.write(piece)
                with suppress(ConnectionError):
                    await writer.drain()
                await asyncio.sleep(0.002)  # so that the pieces are more than one chunk

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        with moved(stage, model, server.sockets[0].getsockname()[1]):
            yield


@contextmanager
def moved(stage: Stage, model: str, port: int) -> Iterator[None]:
    """Have requests for *model* sent to *port* instead of to its engine."""
    server = stage.instance(model).server
    assert server is not None
    launch = server.launch
    server.launch = replace(launch, endpoint=replace(launch.endpoint, url=f"http://127.0.0.1:{port}"))
    try:
        yield
    finally:
        server.launch = launch


@asynccontextmanager
async def opened(
    settings: Settings,
    *,
    timings: ProbeTimings | None = None,
    keep_alive_every: float | None = None,
    wait: bool = True,
    booted: bool = True,
    machine: Host | None = None,
    probe_after: float | None = None,
) -> AsyncIterator[Stage]:
    """Serve *settings* until the end of the scope; with *wait*, from when the first loads are done.

    *machine* is whose memory counts. Without *booted*, the boot is left to the test. Models are probed after *probe_after* quiet
    seconds; as a rule they are not, so that engines see the requests of tests alone.
    """
    async with AsyncExitStack() as stack:
        application = build(Catalog(settings), stack, timings=timings, machine=machine, probe_after=probe_after)
        app = replace(application.context, keep_alive_every=keep_alive_every, commit_after=keep_alive_every)
        runner = web.ServerRunner(connections_to(server := make_server(app)), shutdown_timeout=1.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        app.addresses.extend(await open_listeners(runner, settings.listen))
        application.reload.prepare = ServerChanges(app.catalog, server, runner, app.addresses).prepare
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        stage = Stage(app, base_url(app.addresses[0]), http, application)
        if booted:
            await application.boot.run()
        try:
            async with asyncio.timeout(20):
                while wait and booted and not app.dispatcher.view().settled:
                    await app.dispatcher.changed()
            yield stage
            await stage.clear()
        finally:
            app.dispatcher.post(ShutdownRequested())
            for name, instance in list(app.instances.items()):
                await app.dispatcher.until_state(name, {State.COLD, State.FAILED})
                await instance.ended()
