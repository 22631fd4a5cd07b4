"""A llama-server without a model: it speaks the same flags, routes, streams and last words, and fails on demand.

    python scripted_engine.py -m any-file --port 8080 --alias demo -np 2 --script '{"token_delay": 0.01}'

The script is one JSON object. It comes from $SCRIPTED_ENGINE, then `--script` (a profile says
`args: {script: '{"hang": true}'}`), then at any time from `POST /_script`, each merged into the one before; `null` takes
a key's fault away. Neither `/_script` nor `GET /_seen` wants the key. Faults of requests (all POST /v1/ routes):

    tokens 16              how many an answer has, unless max_tokens is less
    token_delay 0          seconds before each token but the first
    first_token_delay 0    seconds before the first
    status N               answer with this status and an error body
    too_long true          answer 400 exceed_context_size_error (as a prompt beyond the context does anyway)
    hang true              accept and never answer; /slots and /metrics neither, but /health does
    stall_after N          no more tokens after N; pings go on
    crash_after N          die after N tokens, with crash_status (-9: SIGKILL itself; otherwise exit with it)
    cut_after N            close the connection after N tokens
    garbage_after N        one event that is no JSON after N tokens (an answer in one piece: all of it)
    error_after N          an error event after N tokens, and the end
    no_done true           the stream ends in good order, but without [DONE]
    skip N                 none of the above for the first N requests (the probe for readiness is one of them)

Faults of the process (read once at the start):

    load_seconds 0         /health says 503 "Loading model" for so long
    load_fails KIND        then it dies as llama-server dies of: out_of_memory bad_flag missing_file port_taken driver unknown
    never_ready true       the loading never ends
    exit_after S           exits S seconds after the start, with exit_status (1)
    ignore_sigterm true    only SIGKILL ends it
    leak_children KIND     "group": has a child; "session": has a grandchild in a session of its own, whose parent is gone

`hang` and `stall_after` let go of their requests when the script changes. `/_seen` tells what came in: begun, completed,
aborted (the client went away), failed (by a fault), in_flight, peak, decoding, requests (method, path, headers, body of the
last ones), children, pid.
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
from collections.abc import AsyncIterator, Mapping
from typing import Any, NoReturn

Json = dict[str, Any]
BEGAN = time.monotonic()
VALUE_FLAGS = (
    dict.fromkeys(("-m", "--model"), "model")
    | dict.fromkeys(("-a", "--alias"), "alias")
    | dict.fromkeys(("-c", "--ctx-size"), "ctx")
    | dict.fromkeys(("-np", "--parallel"), "parallel")
    | {"--host": "host", "--port": "port", "--api-key": "key", "--sse-ping-interval": "ping", "--script": "script"}
)
_OTHER_FLAGS = """
    --strict-flags --metrics --slots --props --embeddings --embedding --pooling --jinja -ctk --cache-type-k -ctv
    --cache-type-v -fa --flash-attn -ngl --gpu-layers -b --batch-size -ub --ubatch-size -t --threads --cache-ram
    --kv-unified --no-kv-unified -lm --load-mode -fit --fit --no-warmup --no-ui --cors-origins --offline -lv
    --verbosity --seed --temp
"""
KNOWN_FLAGS = {*VALUE_FLAGS, *_OTHER_FLAGS.split()}
_ALLOCATING = "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 8192.00 MiB on device 0"
_MODEL = "E srv  llama_server: exiting due to model loading error"
LAST_WORDS = {
    "out_of_memory": (1, f"E {_ALLOCATING}: cudaMalloc failed: out of memory\n{_MODEL}"),
    "bad_flag": (1, "error: invalid argument: --frobnicate"),
    "missing_file": (
        1,
        f"E gguf_init_from_file: failed to open GGUF file '/gone.gguf' (No such file or directory)\n{_MODEL}",
    ),
    "port_taken": (1, "E srv  start: couldn't bind HTTP server socket, hostname: 127.0.0.1, port: 1"),
    "driver": (-signal.SIGABRT, "E CUDA error: CUDA driver version is insufficient for CUDA runtime version"),
    "unknown": (70, "E something that nobody has seen before"),
}
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}
LOADING = {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}


def log(line: str) -> None:
    """Write as llama-server does, the time since the start first."""
    sys.stderr.write(f"0.{time.monotonic() - BEGAN:06.3f}.000 {line}\n")
    sys.stderr.flush()


def leave(status: int) -> NoReturn:
    """End at once; a negative status is a signal."""
    if status < 0:
        if -status != signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def error(code: int, message: str, kind: str, **more: object) -> Json:
    """Return an error body in llama-server's shape."""
    return {"error": {"code": code, "message": message, "type": kind, **more}}


class Cut(Exception):
    """The script wants the connection gone."""


class Broke(Exception):
    """The script wants an error in the middle of an answer."""


class Wire(asyncio.StreamReaderProtocol):
    """One connection: reads requests, writes answers, and ends what it is doing the moment that its client goes."""

    def __init__(self, engine: "Engine") -> None:
        super().__init__(asyncio.StreamReader(limit=1 << 20), self._connected)
        self.engine = engine
        self.streaming = False

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.serving = asyncio.ensure_future(self._serve())

    def eof_received(self) -> bool | None:
        """A client that has nothing more to say counts as gone, as it does for llama-server."""
        self.serving.cancel()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop working for nobody."""
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
                await self.engine.answer(self, method, path.partition("?")[0], headers, body)
                await self.writer.drain()
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
        first = f"HTTP/1.1 {status} {REASONS.get(status, 'Error')}"
        fixed = ("Server: llama.cpp", "Access-Control-Allow-Origin: ", "Keep-Alive: timeout=5, max=100")
        self.writer.write("\r\n".join((first, *fixed, *lines, "", "")).encode())

    def whole(self, status: int, body: bytes, kind: str = "application/json; charset=utf-8") -> None:
        """Answer in one piece."""
        self.head(status, f"Content-Type: {kind}", f"Content-Length: {len(body)}")
        self.writer.write(body)

    def json(self, status: int, answer: object) -> None:
        """Answer with a document."""
        self.whole(status, json.dumps(answer, separators=(",", ":")).encode())

    def event(self, text: str) -> None:
        """Write one event of a stream, and the headers before the first."""
        if not self.streaming:
            self.streaming = True
            self.head(200, "X-Accel-Buffering: no", "Content-Type: text/event-stream", "Transfer-Encoding: chunked")
        data = f"{text}\n\n".encode()
        self.writer.write(b"%x\r\n%s\r\n" % (len(data), data))

    def chunk(self, document: object) -> None:
        """Write one document of a stream."""
        self.event("data: " + json.dumps(document, separators=(",", ":")))

    def end(self) -> None:
        """End a stream in good order."""
        self.writer.write(b"0\r\n\r\n")


class Job:
    """One request for text or embeddings on its way through the script."""

    def __init__(self, engine: "Engine", wire: Wire, number: int, path: str, body: Json) -> None:
        self.engine, self.wire, self.number, self.body = engine, wire, number, body
        self.chat = "chat" in path
        self.stream = bool(body.get("stream"))
        text = json.dumps(body.get("messages") or body.get("prompt") or body.get("input") or "")
        self.prompt_tokens = len(text) // 4 + 1
        self.sent = 0
        kind = "chat.completion" if self.chat else "text_completion"
        self.document = {
            "created": int(time.time()),
            "model": engine.alias,
            "system_fingerprint": "b0-scripted",
            "object": kind + (".chunk" if self.chat and self.stream else ""),
            "id": f"chatcmpl-{os.getpid()}-{number}",
        }

    def fault(self, name: str) -> Any:
        """Return what the script says now, unless it spares this request."""
        script = self.engine.script
        return script.get(name) if self.number > int(script.get("skip") or 0) else None

    @property
    def wanted(self) -> tuple[int, str]:
        """How many tokens the answer has, and why it ends there."""
        tokens = self.fault("tokens")
        tokens = 16 if tokens is None else int(tokens)
        limit = self.body.get("max_completion_tokens", self.body.get("max_tokens"))
        return (limit, "length") if limit is not None and 0 <= limit < tokens else (tokens, "stop")

    async def tokens(self) -> AsyncIterator[str | None]:
        """Yield the answer's tokens as the script lets them come; None where it wants garbage."""
        for sent in range(self.wanted[0] + 1):
            if sent == self.fault("crash_after"):
                leave(int(self.fault("crash_status") or -signal.SIGKILL))
            if sent == self.fault("cut_after"):
                raise Cut
            if sent == self.fault("error_after"):
                raise Broke
            if sent == self.fault("garbage_after"):
                yield None
            while self.fault("stall_after") is not None and sent >= self.fault("stall_after"):
                await self.engine.change(self.engine.ping)
                self.breathe()
            if sent < self.wanted[0]:
                await self.pause(float(self.fault("token_delay" if sent else "first_token_delay") or 0))
                self.sent += 1
                yield f"w{sent} "

    async def pause(self, seconds: float) -> None:
        """Wait, and say on a stream that somebody is still here."""
        while seconds > self.engine.ping:
            await asyncio.sleep(self.engine.ping)
            seconds -= self.engine.ping
            self.breathe()
        await asyncio.sleep(seconds)

    def breathe(self) -> None:
        """Write what keeps a stream alive."""
        if self.stream:
            self.wire.event(":")

    def choice(self, text: str | None, finish: str | None = None) -> Json:
        """Return one piece of a stream; None as *text* is how a chat begins."""
        if not self.chat:
            choice = {"text": text or "", "index": 0, "logprobs": None, "finish_reason": finish}
        else:
            delta: Json = {"content": text} if text is not None else {}
            delta = delta if finish or text is not None else {"role": "assistant", "content": None}
            choice = {"finish_reason": finish, "index": 0, "delta": delta}
        return {"choices": [choice], **self.document}

    def sums(self) -> Json:
        """Return what the answer cost."""
        usage = {"completion_tokens": self.sent, "prompt_tokens": self.prompt_tokens}
        usage |= {"total_tokens": self.sent + self.prompt_tokens}
        timings = {"cache_n": 0, "prompt_n": self.prompt_tokens, "predicted_n": self.sent, "predicted_ms": 1.0}
        return {"usage": {**usage, "prompt_tokens_details": {"cached_tokens": 0}}, "timings": timings}

    async def in_pieces(self) -> None:
        """Answer as a stream."""
        try:
            async for token in self.tokens():
                if self.sent == 1 and self.chat and token is not None:
                    self.wire.chunk(self.choice(None))
                self.wire.event('data: {"choices":[{"fin') if token is None else self.wire.chunk(self.choice(token))
                await self.wire.writer.drain()
        except Broke:
            self.wire.chunk(error(500, "the script wants an error here", "server_error"))
            self.wire.end()
            raise
        last, asked = self.choice(None, self.wanted[1]), (self.body.get("stream_options") or {}).get("include_usage")
        if asked and self.chat:
            self.wire.chunk(last)
            last = {**self.document, "choices": []}
        self.wire.chunk(last | (self.sums() if asked or not self.chat else {"timings": self.sums()["timings"]}))
        if not self.fault("no_done"):
            self.wire.event("data: [DONE]")
        self.wire.end()

    async def in_one(self) -> None:
        """Answer in one piece."""
        try:
            tokens = [token async for token in self.tokens()]
        except Broke:
            self.wire.json(500, error(500, "the script wants an error here", "server_error"))
            raise
        if None in tokens:
            return self.wire.whole(200, b'{"choices":[{"fin')
        text = "".join(token for token in tokens if token)
        said = {"message": {"role": "assistant", "content": text}} if self.chat else {"text": text, "logprobs": None}
        choice = {"finish_reason": self.wanted[1], "index": 0, **said}
        return self.wire.json(200, {"choices": [choice], **self.document, **self.sums()})

    def embed(self) -> None:
        """Answer with vectors that depend on the text alone."""
        given = self.body.get("input", "")
        texts = given if isinstance(given, list) and not all(isinstance(one, int) for one in given) else [given]
        data = []
        for index, text in enumerate(texts):
            raw = json.dumps(text).encode()
            vector = [float(sum(raw[place::8]) % 97) / 97 for place in range(8)]
            packed = base64.b64encode(struct.pack("<8f", *vector)).decode()
            shown = packed if self.body.get("encoding_format") == "base64" else vector
            data.append({"embedding": shown, "index": index, "object": "embedding"})
        usage = {"prompt_tokens": self.prompt_tokens, "total_tokens": self.prompt_tokens}
        self.wire.json(200, {"model": self.engine.alias, "object": "list", "usage": usage, "data": data})


class Engine:
    """The server: its flags, its script, its slots, and what it has seen."""

    def __init__(self, flags: Mapping[str, str], switches: set[str], script: Json) -> None:
        self.script = script
        self.model = flags.get("model", "")
        self.alias = flags.get("alias", self.model)
        self.host, self.port = flags.get("host", "127.0.0.1"), int(flags.get("port", 8080))
        self.slots: list[Job | None] = [None] * max(1, int(flags.get("parallel", 4)))
        self.context = int(flags.get("ctx", 0)) // len(self.slots) or 4096
        self.key = flags.get("key", os.environ.get("LLAMA_API_KEY"))
        self.ping = float(flags.get("ping", os.environ.get("LLAMA_ARG_SSE_PING_INTERVAL", "30")))
        self.embeddings = bool(switches & {"--embeddings", "--embedding"})
        self.free = asyncio.Semaphore(len(self.slots))
        self.changed = asyncio.Event()
        self.ready = False
        self.counts = dict.fromkeys(("begun", "completed", "aborted", "failed", "in_flight", "peak"), 0)
        self.requests: deque[Json] = deque(maxlen=20)
        self.children: list[int] = []

    async def run(self) -> None:
        """Open the port, load, serve until a signal."""
        loop = asyncio.get_running_loop()
        if not self.script.get("ignore_sigterm"):
            loop.add_signal_handler(signal.SIGTERM, leave, 0)
        if after := self.script.get("exit_after"):
            loop.call_later(float(after), leave, int(self.script.get("exit_status", 1)))
        try:
            await loop.create_server(lambda: Wire(self), self.host, self.port)
        except OSError:
            log(f"E srv         start: couldn't bind HTTP server socket, hostname: {self.host}, port: {self.port}")
            log("E srv  llama_server: exiting due to HTTP server error")
            leave(1)
        log(f"I srv    load_model: loading model '{self.model}'")
        await asyncio.sleep(float(self.script.get("load_seconds") or 0))
        if kind := self.script.get("load_fails"):
            status, words = LAST_WORDS[kind]
            sys.stderr.write(words + "\n")
            sys.stderr.flush()
            leave(status)
        if not self.script.get("never_ready"):
            self.ready = True
            log(f"I srv  llama_server: model loaded; listening on http://{self.host}:{self.port}")
        await asyncio.Event().wait()

    async def change(self, seconds: float | None) -> None:
        """Wait until somebody changes the script, at most *seconds*."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.changed.wait()

    async def answer(self, wire: Wire, method: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Answer one request."""
        route = path.removeprefix("/v1")
        if path == "/_script" and method == "POST":
            self.script = {key: value for key, value in (self.script | json.loads(body)).items() if value is not None}
            self.changed.set()
            self.changed = asyncio.Event()
            return wire.json(200, self.script)
        if path == "/_seen":
            return wire.json(200, self.seen())
        if route == "/health":
            return wire.json(200, {"status": "ok"}) if self.ready else wire.json(503, LOADING)
        if self.key and headers.get("authorization") != f"Bearer {self.key}":
            return wire.json(401, error(401, "Invalid API Key", "authentication_error"))
        if not self.ready:
            return wire.json(503, LOADING)
        if method == "POST" and route in ("/chat/completions", "/completions", "/embeddings"):
            self.requests.append(
                {"method": method, "path": path, "headers": headers, "body": body.decode("utf-8", "replace")}
            )
            return await self.count(wire, path, body)
        return await self.tell(wire, route, body)

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
            wire.json(400, error(400, f"[json.exception.parse_error.101] {problem}", "invalid_request_error"))
            return False
        job = Job(self, wire, self.counts["begun"], path, asked)
        while job.fault("hang"):
            await self.change(None)
        refusal = self.refusal(job, path, asked)
        if refusal is not None:
            wire.json(refusal["error"]["code"], refusal)
            return False
        async with self.free:
            place = self.slots.index(None)
            self.slots[place] = job
            try:
                if path.endswith("/embeddings"):
                    await job.pause(float(job.fault("first_token_delay") or 0))
                    job.embed()
                else:
                    await (job.in_pieces() if job.stream else job.in_one())
            except Broke:
                return False
            finally:
                self.slots[place] = None
        return True

    def refusal(self, job: Job, path: str, asked: Json) -> Json | None:
        """Return why a request is not served, if so."""
        if status := job.fault("status"):
            return error(int(status), f"the script wants status {status}", "server_error")
        if job.fault("too_long") or job.prompt_tokens > self.context:
            return error(
                400,
                f"request ({job.prompt_tokens} tokens) exceeds the available context size ({self.context} tokens),"
                " try increasing it",
                "exceed_context_size_error",
                n_prompt_tokens=job.prompt_tokens,
                n_ctx=self.context,
            )
        if job.chat and "messages" not in asked:
            return error(400, "'messages' is required", "invalid_request_error")
        if path.endswith("/embeddings") and not self.embeddings:
            said = "This server does not support embeddings. Start it with `--embeddings`"
            return error(501, said, "not_supported_error")
        return None

    async def tell(self, wire: Wire, route: str, body: bytes) -> None:
        """Answer a question about the server itself."""
        while route in ("/slots", "/metrics") and self.script.get("hang"):
            await self.change(None)
        if route == "/models":
            meta = {"n_ctx": self.context, "n_ctx_train": self.context, "n_params": 0, "size": 0}
            model = {"id": self.alias, "aliases": [self.alias], "object": "model", "created": 0, "owned_by": "llamacpp"}
            return wire.json(200, {"object": "list", "data": [{**model, "meta": meta}]})
        if route == "/props":
            defaults = {"n_ctx": self.context, "params": {}}
            names = {"model_alias": self.alias, "model_path": self.model, "build_info": "b0-scripted"}
            total = len(self.slots)
            props = {"default_generation_settings": defaults, "total_slots": total, **names, "is_sleeping": False}
            return wire.json(200, props)
        if route == "/slots":
            return wire.json(200, [self.slot(place, job) for place, job in enumerate(self.slots)])
        if route == "/metrics":
            text = f"llamacpp:requests_processing {self.busy}\nllamacpp:requests_deferred {self.counts['in_flight'] - self.busy}\n"
            return wire.whole(200, text.encode(), "text/plain; version=0.0.4")
        if route == "/tokenize":
            words = str(json.loads(body).get("content", "")).split()
            return wire.json(200, {"tokens": [len(word) for word in words]})
        return wire.json(404, error(404, "File Not Found", "not_found_error"))

    def slot(self, place: int, job: Job | None) -> Json:
        """Return one slot as /slots shows it."""
        shown = {"id": place, "n_ctx": self.context, "speculative": False, "is_processing": job is not None}
        if job is None:
            return shown
        left = job.wanted[0] - job.sent
        token = {"has_next_token": True, "has_new_line": False, "n_remain": left, "n_decoded": job.sent}
        return {**shown, "id_task": job.number, "n_prompt_tokens": job.prompt_tokens, "next_token": [token]}

    @property
    def busy(self) -> int:
        """How many slots are at work."""
        return sum(job is not None for job in self.slots)

    def seen(self) -> Json:
        """Return what came in so far."""
        more = {"decoding": self.busy, "requests": list(self.requests), "children": self.children, "pid": os.getpid()}
        return {**self.counts, **more}


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


def parse(words: list[str]) -> tuple[dict[str, str], set[str]]:
    """Return the flags that have a value and matter here, and all that were given."""
    flags: dict[str, str] = {}
    given = {word for word in words if word.startswith("-") and not word.lstrip("-").isdigit()}
    for word, value in zip(words, [*words[1:], ""], strict=True):
        if word in VALUE_FLAGS:
            flags[VALUE_FLAGS[word]] = value
    unknown = sorted(given - KNOWN_FLAGS)
    if "--strict-flags" in given and unknown:
        sys.stderr.write(f"error: invalid argument: {unknown[0]}\n")
        leave(1)
    return flags, given


def main() -> None:
    """Be an engine until told otherwise."""
    flags, given = parse(sys.argv[1:])
    script = json.loads(os.environ.get("SCRIPTED_ENGINE", "{}")) | json.loads(flags.get("script", "{}"))
    if script.get("ignore_sigterm"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    children = [leak(script["leak_children"])] if script.get("leak_children") else []

    async def serve() -> None:
        engine = Engine(flags, given, script)
        engine.children = children
        await engine.run()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
