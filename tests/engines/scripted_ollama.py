"""An Ollama without a model: `ollama serve` with its variables, routes, answers and log lines, and faults on demand.

    OLLAMA_HOST=127.0.0.1:8080 OLLAMA_MODELS=store python scripted_ollama.py --script '{"token_delay": 0.01}' serve

It has the models whose manifests are in the store. One is loaded at a time, into a process of its own that holds its memory; a
request for another, or with another context, loads anew. Models have a template of Ollama's own, as those of its library have: a
prompt that is too long loses its middle, silently, unless a native request says ``truncate: false``. (One with no template but that
of its GGUF file loses its oldest messages, and is refused where the last alone is too long.) A native answer always comes whole,
for hostd asks for no stream of them, and routes that hostd never asks are not there. `test_alike_ollama` compares it with the real
one. What the script may say beside what `tests.engines.core` tells:

    capabilities [..]      what /api/show tells of every model (completion, tools; also insert, thinking, vision, embedding), and
                           what requests it takes
    family llama           what /api/show tells of every model
    trained 32768          the context that models are made for
    on_card 0.5            the share of its model that it has on a card, by its word
    loads_less N           contexts come out at most that long, whatever was asked for
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.engines.child import Child
from tests.engines.core import Broke, Engine, Job, Json, Wire, leave, parse, play, say

VERSION = "0.32.15"
"""The Ollama that this one is compared with, answer by answer."""
FAILURES = {
    "out_of_memory": "llama-server process has terminated: cudaMalloc failed: out of memory",
    "missing_file": "llama-server process has terminated: exit status 1: error loading model: invalid magic characters",
    "driver": "llama-server process has terminated: signal: aborted (core dumped): CUDA error: unknown error",
    "bad_flag": 'llama-server process has terminated: exit status 1: error: invalid argument: "--frobnicate"',
}
STOPPED = "an error was encountered while running the model: unexpected EOF"
NO_EMBEDDINGS = "This server does not support embeddings. Start it with `--embeddings`"
POSTED = ("/api/chat", "/api/embed", "/api/embeddings", "/api/generate", "/api/show")
FOR_EVER = timedelta(days=365 * 200)
MIB = 1 << 20
KEPT = 4
"""Tokens at the beginning of a prompt that are kept when its middle is cut."""


def log(source: str, message: str, **more: object) -> None:
    """Write as Ollama's own logger does."""
    words = "".join(f" {name}={json.dumps(value)}" for name, value in more.items())
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    say(f"time={now} level=INFO source={source} msg={json.dumps(message)}{words}")


def canonical(tag: str) -> str:
    """Return a model's name as Ollama shows it."""
    return tag if ":" in tag.rpartition("/")[2] else f"{tag}:latest"


class OllamaJob(Job):
    """A request in the shapes of Ollama's OpenAI routes; those under /api/ are told apart by their path."""

    comment = ""
    fingerprint = "fp_ollama"
    broken = STOPPED
    engine: "Ollama"

    @property
    def native(self) -> bool:
        """Whether this is one of Ollama's own routes."""
        return self.path.startswith("/api/")

    @property
    def limit(self) -> int | None:
        """OpenAI's newer name is not known; native requests have options."""
        asked = (self.body.get("options") or {}).get("num_predict") if self.native else self.body.get("max_tokens")
        return None if asked is None or asked < 0 else int(asked)

    def opening(self) -> list[Json]:
        """Nothing comes before the first token."""
        return []

    def closing(self) -> list[Json]:
        """Return what a stream says after its last token."""
        return [without_logprobs(chunk) for chunk in super().closing()]

    def piece(self, text: str) -> Json:
        """Return one token; a chat's first chunk has the role too."""
        if not self.chat:
            return {"choices": [{"text": text, "index": 0, "finish_reason": None}], **self.document}
        delta = ({"role": "assistant"} if self.sent == 1 else {}) | {"content": text}
        return {**self.document, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}

    def breaking(self) -> None:
        """Once a stream runs, Ollama loses the error on the way: an empty chunk, and the end without [DONE]."""
        if not self.wire.streaming:
            return self.wire.json(500, self.engine.error(500, self.broken, "api_error"))
        self.wire.chunk({**self.piece(""), "model": ""})
        return self.wire.end()

    def answered(self, text: str) -> Json:
        """Return the answer in one piece."""
        if not self.native:
            return without_logprobs(super().answered(text))
        said: Json = {"message": {"role": "assistant", "content": text}} if self.chat else {"response": text}
        if not self.chat and not self.body.get("raw"):
            said["context"] = list(range(self.prompt_tokens))
        if self.body.get("logprobs"):
            said["logprobs"] = [{"token": word, "logprob": -0.5, "bytes": list(word.encode())} for word in text.split()]
        counts = {"prompt_eval_count": self.prompt_tokens, "eval_count": self.sent}
        times = dict.fromkeys(("total_duration", "load_duration", "prompt_eval_duration", "eval_duration"), 1_000_000)
        reason = self.wanted[1]
        return {
            "model": self.model,
            "created_at": stamp(),
            **said,
            "done": True,
            "done_reason": reason,
            **times,
            **counts,
        }

    def embed(self) -> None:
        """Answer with vectors that depend on the text alone."""
        if not self.native:
            return super().embed()
        times = {"total_duration": 1_000_000, "load_duration": 1_000_000}
        counted = {"model": self.model, "embeddings": self.vectors(), **times, "prompt_eval_count": self.prompt_tokens}
        return self.wire.json(200, {"embedding": self.vectors()[0]} if self.path.endswith("/embeddings") else counted)


def without_logprobs(chunk: Json) -> Json:
    """Return *chunk* without the empty logprobs that other engines send."""
    choices = [{key: value for key, value in each.items() if key != "logprobs"} for each in chunk.get("choices", ())]
    return {**chunk, "choices": choices}


def stamp(ahead: timedelta = timedelta()) -> str:
    """Return the time as Ollama writes it."""
    return (datetime.now(UTC) + ahead).isoformat().replace("+00:00", "Z")


class Ollama(Engine):
    """`ollama serve`."""

    job = OllamaJob
    json_type = "application/json; charset=utf-8"
    served = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/api/chat", "/api/embed", "/api/embeddings")

    def __init__(self, environ: Mapping[str, str], script: Json) -> None:
        host, _, port = environ.get("OLLAMA_HOST", "127.0.0.1:11434").rpartition(":")
        super().__init__(
            script,
            port=int(port),
            slots=int(environ.get("OLLAMA_NUM_PARALLEL") or 1),
            context=int(environ.get("OLLAMA_CONTEXT_LENGTH") or 4096),
            alias="",
            host=host,
        )
        self.store = Path(environ.get("OLLAMA_MODELS") or Path.home() / ".ollama" / "models")
        self.keep_alive = environ.get("OLLAMA_KEEP_ALIVE") or "5m"
        self.kv_type = environ.get("OLLAMA_KV_CACHE_TYPE") or "f16"
        self.default = self.context
        self.loaded_tag = ""
        self.expires = timedelta()
        self.expiry: asyncio.TimerHandle | None = None
        self.runner: Child | None = None
        self.loading = asyncio.Lock()

    def error(self, code: int, message: str, kind: str, **more: object) -> Json:
        """Return an error body in the shape of the OpenAI routes."""
        kinds = {400: "invalid_request_error", 404: "not_found_error"}
        del kind, more
        return {"error": {"message": message, "type": kinds.get(code, "api_error"), "param": None, "code": None}}

    async def boot(self) -> None:
        """Open the port; nothing is loaded before a request."""
        await self.open_port(self._taken)
        log("routes.go:2008", f"Listening on {self.host}:{self.port} (version {VERSION})")
        self.ready = True

    def _taken(self) -> NoReturn:
        say(f"Error: listen tcp {self.host}:{self.port}: bind: address already in use")
        leave(1)

    def terminated(self) -> None:
        """Take the runner along."""
        self.unload()
        leave(0)

    def crash(self, status: int) -> None:
        """The runner dies; the server lives on and loads anew when asked."""
        del status
        self.unload()
        raise Broke

    @property
    def held(self) -> int:
        """What the runner holds."""
        return int(self.script.get("load_bytes") or 0) if self.runner else 0

    @property
    def can(self) -> list[str]:
        """What every model can do."""
        return list(self.script.get("capabilities") or ["completion", "tools"])

    def has(self, tag: str) -> bool:
        """Whether the store has a model."""
        name, _, version = canonical(tag).rpartition(":")
        parts = name.split("/")
        parts = ["library", *parts] if len(parts) == 1 else parts
        parts = ["registry.ollama.ai", *parts] if len(parts) == 2 else parts
        return self.store.joinpath("manifests", *parts, version).is_file()

    def tags(self) -> list[str]:
        """Return what the store has, as Ollama names it."""
        found = sorted((self.store / "manifests").glob("*/*/*/*"))
        names = [path.relative_to(self.store / "manifests").parts for path in found]
        return [
            f"{'' if space == 'library' else space + '/'}{name}:{version}"
            for host, space, name, version in names
            if host == "registry.ollama.ai"
        ]

    async def load(self, tag: str, options: Mapping[str, Any], keep_alive: object) -> str | None:
        """Have *tag* in memory; return what went wrong."""
        async with self.loading:
            context = int(options.get("num_ctx") or self.default)
            least = self.script.get("loads_less")
            context = max(4, min(context, int(self.script.get("trained", 32768)), int(least or context)))
            if self.runner is None or self.loaded_tag != canonical(tag) or self.context != context:
                self.unload()
                log("server.go:433", "starting llama-server", cmd=self._command(context, options))
                if kind := await self.loaded():
                    return FAILURES.get(kind, f"llama-server process has terminated: exit status 70 ({kind})")
                self.runner = Child()
                self.runner.hold(self.held)
                self.children = [self.runner.pid]
                self.loaded_tag, self.context = canonical(tag), context
                self._tell_memory()
            self._keep(keep_alive)
        return None

    def _command(self, context: int, options: Mapping[str, Any]) -> str:
        whole = context * len(self.slots)
        batch = 512 if whole <= 4096 else 1024 if whole <= 32768 else 2048
        words = (
            f"llama-server --model blob --port 0 --host 127.0.0.1 --no-webui --offline -c {whole} -np {len(self.slots)}"
        )
        layers = f" -ngl {options['num_gpu']}" if options.get("num_gpu", -1) >= 0 else ""
        looks = "--log-verbosity 4 --no-log-prefix --no-log-timestamps --load-mode none"
        return f"{words} {looks} --flash-attn auto -b {batch} -ub {batch}{layers} --context-shift --keep {KEPT}"

    def _tell_memory(self) -> None:
        """Write the lines by which Ollama itself knows what its runner took."""
        weights = self.held / MIB
        say(f"load_tensors:          CPU model buffer size = {weights:8.2f} MiB")
        say("load_tensors: offloaded 0/3 layers to GPU")
        say(f"llama_kv_cache:        CPU KV buffer size = {self.context * len(self.slots) / 8192:8.2f} MiB")
        say("sched_reserve:        CPU compute buffer size =     8.00 MiB")
        say("llama_context:        CPU  output buffer size =     0.50 MiB")
        log("server.go:1362", "llama-server started in 0.52 seconds")

    def unload(self) -> None:
        """Have nothing in memory."""
        if self.runner is not None:
            self.runner.kill()
        self.runner, self.loaded_tag, self.children = None, "", []

    def _keep(self, keep_alive: object) -> None:
        if keep_alive is not None or self.expires == timedelta():
            self.expires = seconds_of(self.keep_alive if keep_alive is None else keep_alive)
        if self.expiry is not None:
            self.expiry.cancel()
        self.expiry = None
        if self.expires < FOR_EVER:
            self.expiry = asyncio.get_running_loop().call_later(self.expires.total_seconds(), self.unload)

    def refusal(self, job: Job, path: str, asked: Json) -> tuple[int, Json] | None:
        """Return why a request is not served, if so; what is too long is cut unless the client forbids it."""
        if job.chat and not asked.get("messages"):
            return 400, self.error(400, "[] is too short - 'messages'", "")
        if scripted := super().refusal(job, path, asked):
            return scripted
        if job.prompt_tokens > self.context or job.fault("too_long"):
            if path.startswith("/api/") and asked.get("truncate") is False:
                tokens, context = job.prompt_tokens, self.context
                said = f"request ({tokens} tokens) exceeds the available context size ({context} tokens), try increasing it"
                sizes = {"n_prompt_tokens": tokens, "n_ctx": context}
                inner = {"error": {"code": 400, "message": said, "type": "exceed_context_size_error", **sizes}}
                return 400, {"error": json.dumps(inner, separators=(",", ":"))}
            job.prompt_tokens = self.context - max((self.context - KEPT) // 2, 1)
        return None

    async def work(self, wire: Wire, path: str, body: bytes) -> bool:
        """Load what the request names, then serve it."""
        native = path.startswith("/api/")
        try:
            asked = json.loads(body)
        except ValueError:
            said = "unexpected EOF" if body else "missing request body" if native else "EOF"
            wire.json(400, {"error": said} if native else self.error(400, said, ""))
            return False
        tag = str(asked.get("model", ""))
        if not self.has(tag):
            said = f"model '{tag}' not found"
            wire.json(404, {"error": said} if native else self.error(404, said, ""))
            return False
        options = asked.get("options") or {} if native else {}
        embeds = path.endswith(("/embed", "/embeddings"))
        if not embeds and "completion" not in self.can:
            said = f'"{tag}" does not support {"chat" if "chat" in path else "generate"}'
            wire.json(400, {"error": said} if native else self.error(400, said, ""))
            return False
        if lacking := self._lacking(tag, asked):
            wire.json(400, {"error": lacking} if native else self.error(400, lacking, ""))
            return False
        if path == "/api/chat" and not asked.get("messages"):
            await self._without_prompt(wire, asked, {"message": {"role": "assistant", "content": ""}})
            return False
        if why := await self.load(tag, options, asked.get("keep_alive") if native else None):
            wire.json(500, {"error": why} if native else self.error(500, why, ""))
            return False
        if embeds and not (asked.get("input") or asked.get("prompt")):
            wire.json(200, {"model": tag, "embeddings": []})
            return False
        if embeds and "embedding" not in self.can:
            status = 500 if path == "/api/embeddings" else 501
            wire.json(status, {"error": NO_EMBEDDINGS} if native else self.error(status, NO_EMBEDDINGS, ""))
            return False
        if native:
            # Native requests stream unless told otherwise; hostd wants no stream of them.
            body = json.dumps({**asked, "stream": False}).encode()
        return await super().work(wire, path, body)

    def _lacking(self, tag: str, asked: Json) -> str | None:
        """Return why the model cannot do what is asked of it, if so."""
        name = f"registry.ollama.ai/library/{canonical(tag)}"
        if asked.get("tools") and "tools" not in self.can:
            return f"{name} does not support tools"
        if asked.get("suffix") and "insert" not in self.can:
            return f"{name} does not support insert"
        if asked.get("think") and "thinking" not in self.can:
            return f'"{tag}" does not support thinking'
        pictures = asked.get("images") or any(message.get("images") for message in asked.get("messages") or ())
        if pictures and "vision" not in self.can:
            said = "Multimodal data provided, but model does not support multimodal requests."
            inner = {"error": {"code": 400, "message": said, "type": "invalid_request_error"}}
            return json.dumps(inner, separators=(",", ":"))
        return None

    async def tell(self, wire: Wire, method: str, path: str, query: str, body: bytes) -> None:
        """Answer a question about the server itself."""
        del query
        match method, path:
            case "GET" | "HEAD", "/":
                wire.whole(200, b"" if method == "HEAD" else b"Ollama is running", "text/plain; charset=utf-8")
            case "GET", "/api/version":
                wire.json(200, {"version": VERSION})
            case "GET", "/api/tags":
                models = [{"name": tag, "model": tag, "modified_at": stamp(), "size": 1} for tag in self.tags()]
                trained = int(self.script.get("trained", 32768))
                details = {**DETAILS, "context_length": trained, "embedding_length": 2048}
                more = {"digest": "0" * 64, "details": details, "capabilities": self.can}
                wire.json(200, {"models": [model | more for model in models]})
            case "GET", "/v1/models":
                data = [{"id": tag, "object": "model", "created": 0, "owned_by": "library"} for tag in self.tags()]
                wire.json(200, {"object": "list", "data": data})
            case "GET", _ if path.startswith("/v1/models/"):
                self._model(wire, path.removeprefix("/v1/models/"))
            case "GET", "/api/ps":
                wire.json(200, {"models": [self._process()] if self.runner else []})
            case "POST", "/api/show":
                if asked := self._parsed(wire, body):
                    self._show(wire, str(asked.get("model", "")))
            case "POST", "/api/generate":
                if asked := self._parsed(wire, body):
                    await self._generate(wire, asked, body)
            case _ if path in POSTED:
                wire.whole(405, b"405 method not allowed", "text/plain")
            case _:
                wire.whole(404, b"404 page not found", "text/plain")

    def _parsed(self, wire: Wire, body: bytes) -> Json | None:
        try:
            asked: Json = json.loads(body)
        except ValueError:
            wire.json(400, {"error": "unexpected EOF" if body else "missing request body"})
            return None
        return asked

    def _model(self, wire: Wire, tag: str) -> None:
        if not self.has(tag):
            return wire.json(404, self.error(404, f"model '{canonical(tag)}' not found", ""))
        return wire.json(200, {"id": canonical(tag), "object": "model", "created": 0, "owned_by": "library"})

    def _process(self) -> Json:
        sizes = {
            "size": self.held,
            "size_vram": int(self.held * float(self.script.get("on_card", 0))),
            "context_length": self.context,
        }
        names = {"name": self.loaded_tag, "model": self.loaded_tag, "digest": "0" * 64, "details": DETAILS}
        return {**names, **sizes, "expires_at": stamp(min(self.expires, FOR_EVER))}

    def _show(self, wire: Wire, tag: str) -> None:
        if not self.has(tag):
            return wire.json(404, {"error": f"model '{canonical(tag)}' not found"})
        remote = {"remote_model": tag, "remote_host": "https://ollama.com"} if "far" in tag else {}
        info = {"general.architecture": "llama", "llama.context_length": int(self.script.get("trained", 32768))}
        details = {**DETAILS, "family": self.script.get("family", "llama")}
        about = {"modelfile": "", "template": "", "details": details, "modified_at": stamp()}
        return wire.json(200, {**about, **remote, "model_info": info, "capabilities": self.can})

    async def _generate(self, wire: Wire, asked: Json, body: bytes) -> None:
        """An empty prompt loads, or unloads with ``keep_alive: 0``."""
        if asked.get("prompt"):
            return await self.count(wire, "/api/generate", body)
        self.requests.append({"method": "POST", "path": "/api/generate", "headers": {}, "body": json.dumps(asked)})
        return await self._without_prompt(wire, asked, {"response": ""})

    async def _without_prompt(self, wire: Wire, asked: Json, said: Json) -> None:
        tag, keep_alive = str(asked.get("model", "")), asked.get("keep_alive")
        done = {"model": tag, "created_at": stamp(), **said, "done": True}
        if not self.has(tag):
            return wire.json(404, {"error": f"model '{tag}' not found"})
        if keep_alive is not None and not seconds_of(keep_alive):
            if self.loaded_tag == canonical(tag):
                self.unload()
            return wire.json(200, {**done, "done_reason": "unload"})
        if "completion" not in self.can:
            return wire.json(400, {"error": f'"{tag}" does not support generate'})
        if why := await self.load(tag, asked.get("options") or {}, keep_alive):
            return wire.json(500, {"error": why})
        return wire.json(200, {**done, "done_reason": "load"})


DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": "llama",
    "families": ["llama"],
    "parameter_size": "1.2B",
    "quantization_level": "Q4_K_M",
}


def seconds_of(keep_alive: object) -> timedelta:
    """Return a duration as Ollama reads it: a number of seconds, or ``5m``; negative for ever."""
    text = str(keep_alive)
    units = {"s": 1, "m": 60, "h": 3600}
    number = float(text[:-1]) * units[text[-1]] if text[-1] in units else float(text)
    return FOR_EVER if number < 0 else timedelta(seconds=number)


def main() -> None:
    """Be an engine until told otherwise."""
    flags, _ = parse(sys.argv[1:], {"--script": "script"})
    if "--version" in sys.argv:
        print(f"ollama version is {VERSION}")  # noqa: T201 - what it is asked for
        return
    if "serve" not in sys.argv:
        say("Error: unknown command")
        leave(1)
    play(lambda script: Ollama(os.environ, script), json.loads(flags.get("script", "{}")))


if __name__ == "__main__":
    main()
