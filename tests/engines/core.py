"""What every scripted engine shares: the wire, the faults, the stream of tokens, the books. A dialect adds flags and routes.

The script is one JSON object. It comes from $SCRIPTED_ENGINE, then `--script`, then at any time from `POST /_script`, each
merged into the one before; `null` takes a key's fault away. Neither `/_script` nor `GET /_seen` wants a key.

Faults of requests (all that generate or embed):

    tokens 16              how many an answer has, unless max_tokens is less
    token_delay 0          seconds before each token but the first
    first_token_delay 0    seconds before the first
    prompt_batches 0       in how many batches the prompt is read, each reported where the engine reports its prompts
    batch_delay 0          seconds that each of them takes
    computes true          spend these delays computing rather than asleep, so that CPU time tells of work
    status N               answer with this status and an error body
    too_long true          answer as if the prompt were beyond the context
    hang true              accept and never answer; routes that tell of slots neither, but health does
    stall_after N          no more tokens after N; what keeps a stream alive goes on
    crash_after N          die after N tokens, with crash_status (-9: SIGKILL itself; otherwise exit with it)
    cut_after N            close the connection after N tokens
    garbage_after N        one event that is no JSON after N tokens (an answer in one piece: all of it)
    error_after N          an error event after N tokens, and the end
    no_done true           the stream ends in good order, but without [DONE], and after linger seconds
    skip N                 none of the above for the first N requests (the probe for readiness is one of them)

Faults of the process (read once at the start, but those of loading at each load):

    load_seconds 0         how long loading takes
    load_bytes 0           real memory that the loaded model holds
    load_fails KIND        loading ends as the dialect's engine fails: out_of_memory bad_flag missing_file port_taken driver unknown
    never_ready true       the loading never ends
    exit_after S           exits S seconds after the start, with exit_status (1)
    ignore_sigterm true    only SIGKILL ends it
    leak_children KIND     "group": has a child; "session": has a grandchild in a session of its own, whose parent is gone

`hang` and `stall_after` let go of their requests when the script changes. `/_seen` tells what came in: begun, completed,
aborted (the client went away), failed (by a fault), in_flight, peak, decoding, requests (method, path, headers, body of the
last ones), children, pid, held (bytes).
"""

import asyncio
import base64
import contextlib
import json
import os
import signal
import struct
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, NoReturn

Json = dict[str, Any]
BEGAN = time.monotonic()
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}


def say(line: str) -> None:
    """Write a line of log."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def leave(status: int) -> NoReturn:
    """End at once; a negative status is a signal."""
    if status < 0:
        if -status != signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


class Cut(Exception):
    """The script ends the connection."""


class Broke(Exception):
    """The script wants an error in the middle of an answer."""


class Wire(asyncio.StreamReaderProtocol):
    """One connection: reads requests, writes answers, and ends its work the moment that its client disconnects."""

    def __init__(self, engine: "Engine") -> None:
        super().__init__(asyncio.StreamReader(limit=1 << 20), self._connected)
        self.engine = engine
        self.streaming = False

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.serving = asyncio.ensure_future(self._serve())

    def eof_received(self) -> bool | None:
        """A client that closes its sending side counts as disconnected, as it does for the engines."""
        self.serving.cancel()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the work for a client that disconnected."""
        super().connection_lost(exc)
        self.serving.cancel()

    async def _serve(self) -> None:
        with contextlib.suppress(asyncio.CancelledError, asyncio.IncompleteReadError, ConnectionError, Cut):
            while True:
                head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, path, _ = head[0].split(" ", 2)
                headers = {
                    name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])
                }
                body = await self._body(headers)
                self.streaming = False
                await self.engine.answer(self, method, path.partition("?"), headers, body)
                await self.writer.drain()
                if not self.engine.persistent:
                    break
        self.writer.close()

    async def _body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("expect") == "100-continue":
            self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if headers.get("transfer-encoding") != "chunked":
            return await self.reader.readexactly(int(headers.get("content-length", 0)))
        body = b""
        while size := int((await self.reader.readuntil(b"\r\n")).split(b";")[0], 16):
            body += (await self.reader.readexactly(size + 2))[:size]
        await self.reader.readuntil(b"\r\n")
        return body

    def head(self, status: int, *lines: str) -> None:
        """Write the beginning of an answer."""
        first = f"HTTP/{'1.1' if self.engine.persistent else '1.0'} {status} {REASONS.get(status, 'Error')}"
        self.writer.write("\r\n".join((first, *self.engine.headers, *lines, "", "")).encode())

    def whole(self, status: int, body: bytes, kind: str | None = None) -> None:
        """Answer in one piece."""
        length = (f"Content-Length: {len(body)}",) if self.engine.persistent else ()
        self.head(status, f"Content-Type: {kind or self.engine.json_type}", *length)
        self.writer.write(body)

    def json(self, status: int, answer: object) -> None:
        """Answer with a document."""
        self.whole(status, json.dumps(answer, separators=(",", ":")).encode())

    def event(self, text: str) -> None:
        """Write one event of a stream, and the headers before the first."""
        if not self.streaming:
            self.streaming = True
            coding = ("Transfer-Encoding: chunked",) if self.engine.persistent else ()
            self.head(200, "Content-Type: text/event-stream", *coding)
        data = f"{text}\n\n".encode()
        self.writer.write(b"%x\r\n%s\r\n" % (len(data), data) if self.engine.persistent else data)

    def chunk(self, document: object) -> None:
        """Write one document of a stream."""
        self.event("data: " + json.dumps(document, separators=(",", ":")))

    def end(self) -> None:
        """End a stream in good order."""
        if self.engine.persistent:
            self.writer.write(b"0\r\n\r\n")


class Job:
    """One request for text or embeddings on its way through the script, in the shapes that most engines share."""

    comment = ":"
    fingerprint = "b0-scripted"
    broken = "the script wants an error here"

    def __init__(self, engine: "Engine", wire: Wire, number: int, path: str, body: Json) -> None:
        self.engine, self.wire, self.number, self.path, self.body = engine, wire, number, path, body
        self.chat = "chat" in path
        self.stream = bool(body.get("stream"))
        text = json.dumps(body.get("messages") or body.get("prompt") or body.get("input") or "")
        self.prompt_tokens = len(text) // 4 + 1
        self.sent = 0
        kind = "chat.completion" if self.chat else "text_completion"
        self.document = {
            "created": int(time.time()),
            "model": self.model,
            "system_fingerprint": self.fingerprint,
            "object": kind + (".chunk" if self.chat and self.stream else ""),
            "id": f"chatcmpl-{os.getpid()}-{number}",
        }

    @property
    def model(self) -> str:
        """The name that the answer gives to the model."""
        return str(self.body.get("model") or self.engine.alias)

    def fault(self, name: str) -> Any:
        """Return what the script says now, unless it spares this request."""
        script = self.engine.script
        return script.get(name) if self.number > int(script.get("skip") or 0) else None

    @property
    def wanted(self) -> tuple[int, str]:
        """How many tokens the answer has, and why it ends there."""
        tokens = self.fault("tokens")
        tokens = 16 if tokens is None else int(tokens)
        limit = self.limit
        return (limit, "length") if limit is not None and 0 <= limit < tokens else (tokens, "stop")

    @property
    def limit(self) -> int | None:
        """How many tokens the client wants at most."""
        asked: int | None = self.body.get("max_completion_tokens", self.body.get("max_tokens"))
        return asked

    async def tokens(self) -> AsyncIterator[str | None]:
        """Yield the answer's tokens as the script times them; None where it wants garbage."""
        batches = int(self.fault("prompt_batches") or 0)
        for batch in range(batches):
            self.report(batch, batches)
            await self.pause(float(self.fault("batch_delay") or 0))
        if batches:
            self.report(batches, batches)
        for sent in range(self.wanted[0] + 1):
            if sent == self.fault("crash_after"):
                self.engine.crash(int(self.fault("crash_status") or -signal.SIGKILL))
            if sent == self.fault("cut_after"):
                raise Cut
            if sent == self.fault("error_after") or self.engine.broken:
                raise Broke
            if sent == self.fault("garbage_after"):
                yield None
            while self.fault("stall_after") is not None and sent >= self.fault("stall_after"):
                await self.engine.change(self.engine.ping)
                self.breathe()
            if sent < self.wanted[0]:
                await self.pause(float(self.fault("token_delay" if sent else "first_token_delay") or 0))
                self.sent += 1
                yield self.word(sent)

    def word(self, number: int) -> str:
        """Return the text of one token."""
        return f"w{number} "

    async def pause(self, seconds: float) -> None:
        """Wait, sending pings on a stream."""
        while seconds > self.engine.ping:
            await asyncio.sleep(self.engine.ping)
            seconds -= self.engine.ping
            self.breathe()
        ends = time.monotonic() + seconds
        while self.fault("computes") and time.monotonic() < ends:
            sum(range(10_000))
            await asyncio.sleep(0)
        await asyncio.sleep(ends - time.monotonic())

    def report(self, batch: int, batches: int) -> None:
        """Say how much of the prompt has been read, where the engine does so."""

    def breathe(self) -> None:
        """Write what keeps a stream alive."""
        if self.stream and self.comment:
            self.wire.event(self.comment)

    def opening(self) -> list[Json]:
        """Return what a stream says before its first token."""
        return []

    def piece(self, text: str) -> Json:
        """Return one token of a stream."""
        option = {"index": 0, "finish_reason": None}
        said: Json = {"delta": {"content": text}} if self.chat else {"text": text, "logprobs": None}
        return {"choices": [option | said], **self.document}

    def closing(self) -> list[Json]:
        """Return what a stream says after its last token."""
        said: Json = {"delta": {}} if self.chat else {"text": "", "logprobs": None}
        last = {"choices": [{"index": 0, "finish_reason": self.wanted[1]} | said], **self.document}
        return [last, {**self.document, "choices": [], "usage": self.usage()}] if self.wants_usage else [last]

    @property
    def wants_usage(self) -> bool:
        """Whether the client of a stream wants to know what it cost."""
        return bool((self.body.get("stream_options") or {}).get("include_usage"))

    def usage(self) -> Json:
        """Return what the answer cost."""
        usage = {"completion_tokens": self.sent, "prompt_tokens": self.prompt_tokens}
        return usage | {"total_tokens": self.sent + self.prompt_tokens}

    def breaking(self) -> None:
        """Say on a stream that it ends in an error."""
        self.wire.chunk(self.engine.error(500, self.broken, "server_error"))
        self.wire.end()

    def answered(self, text: str) -> Json:
        """Return the answer in one piece."""
        said = {"message": {"role": "assistant", "content": text}} if self.chat else {"text": text, "logprobs": None}
        option = {"finish_reason": self.wanted[1], "index": 0, **said}
        return {"choices": [option], **self.document, "usage": self.usage()}

    async def in_pieces(self) -> None:
        """Answer as a stream."""
        opened = False
        try:
            async for token in self.tokens():
                if not opened and token is not None:
                    opened = True
                    for chunk in self.opening():
                        self.wire.chunk(chunk)
                self.wire.event('data: {"choices":[{"fin') if token is None else self.wire.chunk(self.piece(token))
                await self.wire.writer.drain()
        except Broke:
            self.breaking()
            raise
        for chunk in self.closing():
            self.wire.chunk(chunk)
        if not self.fault("no_done"):
            self.wire.event("data: [DONE]")
        elif linger := self.fault("linger"):
            await asyncio.sleep(float(linger))
        self.wire.end()

    async def in_one(self) -> None:
        """Answer in one piece."""
        try:
            tokens = [token async for token in self.tokens()]
        except Broke:
            self.wire.json(500, self.engine.error(500, self.broken, "server_error"))
            raise
        if None in tokens:
            return self.wire.whole(200, b'{"choices":[{"fin')
        return self.wire.json(200, self.answered("".join(token for token in tokens if token)))

    def embed(self) -> None:
        """Answer with vectors that depend on the text alone."""
        data = []
        for index, vector in enumerate(self.vectors()):
            packed = base64.b64encode(struct.pack("<8f", *vector)).decode()
            shown = packed if self.body.get("encoding_format") == "base64" else vector
            data.append({"embedding": shown, "index": index, "object": "embedding"})
        usage = {"prompt_tokens": self.prompt_tokens, "total_tokens": self.prompt_tokens}
        self.wire.json(200, {"model": self.model, "object": "list", "usage": usage, "data": data})

    def vectors(self) -> list[list[float]]:
        """Return one vector for each text."""
        given = self.body.get("input", "")
        texts = given if isinstance(given, list) and not all(isinstance(one, int) for one in given) else [given]
        raws = [json.dumps(text).encode() for text in texts]
        return [[float(sum(raw[place::8]) % 97) / 97 for place in range(8)] for raw in raws]


class Engine:
    """The server: its script, its slots, its memory, and what it has seen. A dialect says what it answers."""

    job: type[Job] = Job
    headers: tuple[str, ...] = ()
    json_type = "application/json"
    persistent = True
    served: tuple[str, ...] = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings")

    def __init__(
        self, script: Json, *, port: int, slots: int, context: int, alias: str, host: str = "127.0.0.1"
    ) -> None:
        self.script = script
        self.host, self.port, self.alias = host, port, alias
        self.slots: list[Job | None] = [None] * slots
        self.context = context
        self.ping = 30.0
        self.free = asyncio.Semaphore(slots)
        self.changed = asyncio.Event()
        self.ready = False
        self.broken = False
        self.memory = bytearray()
        self.counts = dict.fromkeys(("begun", "completed", "aborted", "failed", "in_flight", "peak"), 0)
        self.requests: deque[Json] = deque(maxlen=20)
        self.children: list[int] = []

    def error(self, code: int, message: str, kind: str, **more: object) -> Json:
        """Return an error body in the engine's shape."""
        return {"error": {"code": code, "message": message, "type": kind, **more}}

    def crash(self, status: int) -> None:
        """Die in the middle of an answer."""
        leave(status)

    async def boot(self) -> None:
        """Come up, in the engine's order of opening its port and loading."""
        raise NotImplementedError

    async def tell(self, wire: Wire, method: str, path: str, query: str, body: bytes) -> None:
        """Answer a question about the server itself."""
        raise NotImplementedError

    def turned_away(self, wire: Wire, path: str, headers: Mapping[str, str]) -> bool:
        """Refuse a request that is not admitted; return whether it was refused."""
        del wire, path, headers
        return False

    def refusal(self, job: Job, path: str, asked: Json) -> tuple[int, Json] | None:
        """Return why a request is not served, if so: a status and a document."""
        del path, asked
        if status := job.fault("status"):
            return int(status), self.error(int(status), f"the script wants status {status}", "server_error")
        return None

    async def run(self) -> None:
        """Open the port, load, serve until a signal."""
        loop = asyncio.get_running_loop()
        if not self.script.get("ignore_sigterm"):
            loop.add_signal_handler(signal.SIGTERM, self.terminated)
        if after := self.script.get("exit_after"):
            loop.call_later(float(after), leave, int(self.script.get("exit_status", 1)))
        await self.boot()
        await asyncio.Event().wait()

    def terminated(self) -> None:
        """Obey SIGTERM."""
        leave(0)

    async def open_port(self, taken: Callable[[], NoReturn]) -> None:
        """Listen; *taken* is how the engine ends where the port is taken."""
        try:
            await asyncio.get_running_loop().create_server(lambda: Wire(self), self.host, self.port)
        except OSError:
            taken()

    async def loaded(self) -> str | None:
        """Load: return None once the memory is taken, or the kind of failure that the script wants."""
        await asyncio.sleep(float(self.script.get("load_seconds") or 0))
        if kind := self.script.get("load_fails"):
            return str(kind)
        while self.script.get("never_ready"):
            await self.change(None)
        self.memory = bytearray(b"\x01") * int(self.script.get("load_bytes") or 0)
        return None

    async def change(self, seconds: float | None) -> None:
        """Wait until the script is changed, at most *seconds*."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.changed.wait()

    async def answer(
        self, wire: Wire, method: str, where: tuple[str, str, str], headers: Mapping[str, str], body: bytes
    ) -> None:
        """Answer one request."""
        path, _, query = where
        if path == "/_script" and method == "POST":
            self.script = {key: value for key, value in (self.script | json.loads(body)).items() if value is not None}
            self.alter()
            return wire.json(200, self.script)
        if path == "/_seen":
            return wire.json(200, self.seen())
        if self.turned_away(wire, path, headers):
            return None
        if method == "POST" and path in self.served:
            self.requests.append(
                {"method": method, "path": path, "headers": headers, "body": body.decode("utf-8", "replace")}
            )
            return await self.count(wire, path, body)
        return await self.tell(wire, method, path, query, body)

    def alter(self) -> None:
        """Release everything that waits for a change of the script."""
        self.changed.set()
        self.changed = asyncio.Event()

    async def count(self, wire: Wire, path: str, body: bytes) -> None:
        """Keep the books of one request."""
        counts = self.counts
        counts["begun"] += 1
        counts["in_flight"] += 1
        counts["peak"] = max(counts["peak"], counts["in_flight"])
        try:
            ending = "completed" if await self.work(wire, path, body) else "failed"
        except asyncio.CancelledError:
            ending = "aborted"
            raise
        except Cut:
            ending = "failed"
            raise
        finally:
            counts["in_flight"] -= 1
            counts[ending] += 1

    async def work(self, wire: Wire, path: str, body: bytes) -> bool:
        """Serve one request; return whether it got what it asked for."""
        try:
            asked = json.loads(body)
        except ValueError as problem:
            said = f"[json.exception.parse_error.101] {problem}"
            wire.json(400, self.error(400, said, "invalid_request_error"))
            return False
        job = self.job(self, wire, self.counts["begun"], path, asked)
        while job.fault("hang"):
            await self.change(None)
        refusal = self.refusal(job, path, asked)
        if refusal is not None:
            wire.json(*refusal)
            return False
        async with self.free:
            place = self.slots.index(None)
            self.slots[place] = job
            try:
                if path.endswith(("/embeddings", "/embed")):
                    await job.pause(float(job.fault("first_token_delay") or 0))
                    job.embed()
                else:
                    await (job.in_pieces() if job.stream else job.in_one())
            except Broke:
                return False
            finally:
                self.slots[place] = None
        return True

    @property
    def busy(self) -> int:
        """How many slots are at work."""
        return sum(job is not None for job in self.slots)

    @property
    def held(self) -> int:
        """How many bytes the loaded model holds."""
        return len(self.memory)

    def seen(self) -> Json:
        """Return what came in so far."""
        more = {"decoding": self.busy, "requests": list(self.requests), "children": self.children, "pid": os.getpid()}
        return {**self.counts, **more, "held": self.held}


def leak(kind: str) -> int:
    """Start a process that outlives a careless end of this one; return its pid."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        if kind == "session":
            os.setsid()
            if os.fork():
                os._exit(0)
        os.write(writing, f"{os.getpid()}\n".encode())
        while True:
            signal.pause()
    os.close(writing)
    if kind == "session":
        os.wait()
    with os.fdopen(reading) as pids:
        return int(pids.readline())


def parse(words: list[str], valued: Mapping[str, str]) -> tuple[dict[str, str], set[str]]:
    """Return the flags in *valued*, by the names that it gives them, and all that were given."""
    flags: dict[str, str] = {}
    given = {word.partition("=")[0] for word in words if word.startswith("-") and not word.lstrip("-").isdigit()}
    for word, value in zip(words, [*words[1:], ""], strict=True):
        name, equals, own = word.partition("=")
        if name in valued:
            flags[valued[name]] = own if equals else value
    return flags, given


def play(make: Callable[[Json], Engine], script: Json) -> None:
    """Be the engine that *make* returns, as *script* says, until it is ended."""
    script = json.loads(os.environ.get("SCRIPTED_ENGINE", "{}")) | script
    if script.get("ignore_sigterm"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    children = [leak(script["leak_children"])] if script.get("leak_children") else []

    async def serve() -> None:
        engine = make(script)
        engine.children += children
        await engine.run()

    asyncio.run(serve())
