"""A llama-server without a model: it speaks the same flags, routes, streams and last words, and fails on demand.

    python scripted_engine.py -m any-file --port 8080 --alias demo -np 2 --script '{"token_delay": 0.01}'

What the script may say is told in `tests.engines.core`; a profile says `args: {script: '{"hang": true}'}`. Beside that, `able`
lists what its model can do (see `tests.engines.able_answers`). `--build` is the build that it says it is. While it loads,
/health says 503 "Loading model"; a load that fails ends it with llama-server's last words.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.engines import able_answers
from tests.engines.core import BEGAN, Engine, Job, Json, Wire, leave, parse, play, say

VALUE_FLAGS = (
    dict.fromkeys(("-m", "--model"), "model")
    | dict.fromkeys(("-a", "--alias"), "alias")
    | dict.fromkeys(("-c", "--ctx-size"), "ctx")
    | dict.fromkeys(("-np", "--parallel"), "parallel")
    | {"--host": "host", "--port": "port", "--api-key": "key", "--sse-ping-interval": "ping", "--script": "script"}
    | {"--build": "build"}
)
_OTHER_FLAGS = """
    --strict-flags --metrics --slots --props --embeddings --embedding --pooling --jinja -ctk --cache-type-k -ctv
    --cache-type-v -fa --flash-attn -ngl --gpu-layers -b --batch-size -ub --ubatch-size -t --threads --cache-ram
    --kv-unified --no-kv-unified -lm --load-mode -fit --fit --no-warmup --no-ui --cors-origins --offline -lv
    --verbosity --seed --temp --version
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
    "unknown": (70, "E something never seen before"),
}
LOADING = {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}


def log(line: str) -> None:
    """Write as llama-server does, the time since the start first."""
    say(f"0.{time.monotonic() - BEGAN:06.3f}.000 {line}")


class LlamaJob(Job):
    """A request in llama-server's shapes."""

    @property
    def model(self) -> str:
        """Its own name, whatever the client asked for."""
        return self.engine.alias

    @property
    def message(self) -> Json | None:
        """What the model says that it is able to; None where it says what the script's tokens are."""
        able = self.fault("able")
        return able_answers.message(self.body, able) if able and self.chat else None

    def opening(self) -> list[Json]:
        """A chat begins with a role and no text."""
        return [self._choice({"role": "assistant", "content": None})] if self.chat else []

    def report(self, batch: int, batches: int) -> None:
        """Send an event for each batch to a client that wants them; a batch has a hundred tokens."""
        if self.stream and self.body.get("return_progress"):
            counts = {"total": 100 * batches, "cache": 0, "processed": 100 * batch, "time_ms": 1}
            self.wire.chunk({**self._choice({"role": "assistant", "content": None}), "prompt_progress": counts})

    def piece(self, text: str) -> Json:
        """Return one token of a stream."""
        return self._choice({"content": text if self.message is None else ""}, text)

    def closing(self) -> list[Json]:
        """Return the end: timings always, usage in a chunk of its own where a chat's client asked for it."""
        last, sums = self._choice({}, "", self.wanted[1]), self.sums()
        said = [] if self.message is None else [self._choice(self.message)]
        if self.wants_usage and self.chat:
            return [*said, last, {**self.document, "choices": [], **sums}]
        return [*said, last | (sums if self.wants_usage or not self.chat else {"timings": sums["timings"]})]

    def _choice(self, delta: Json, text: str = "", finish: str | None = None) -> Json:
        if not self.chat:
            option = {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}
        else:
            option = {"finish_reason": finish, "index": 0, "delta": delta}
        return {"choices": [option], **self.document}

    def sums(self) -> Json:
        """Return what the answer cost."""
        timings = {"cache_n": 0, "prompt_n": self.prompt_tokens, "predicted_n": self.sent, "predicted_ms": 1.0}
        return {"usage": {**self.usage(), "prompt_tokens_details": {"cached_tokens": 0}}, "timings": timings}

    def answered(self, text: str) -> Json:
        """Return the answer in one piece."""
        answer = super().answered(text)
        if self.message is not None:
            answer["choices"][0]["message"] = self.message
        return {**answer, **self.sums()}


class LlamaServer(Engine):
    """llama-server: its flags and its routes."""

    job = LlamaJob
    headers = ("Server: llama.cpp", "Access-Control-Allow-Origin: ", "Keep-Alive: timeout=5, max=100")
    json_type = "application/json; charset=utf-8"
    served = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/chat/completions", "/completions")

    def __init__(self, flags: Mapping[str, str], switches: set[str], script: Json) -> None:
        slots = max(1, int(flags.get("parallel", 4)))
        self.model = flags.get("model", "")
        super().__init__(
            script,
            port=int(flags.get("port", 8080)),
            slots=slots,
            context=int(flags.get("ctx", 0)) // slots or 4096,
            alias=flags.get("alias", self.model),
            host=flags.get("host", "127.0.0.1"),
        )
        self.key = flags.get("key", os.environ.get("LLAMA_API_KEY"))
        self.ping = float(flags.get("ping", os.environ.get("LLAMA_ARG_SSE_PING_INTERVAL", "30")))
        self.build = flags.get("build", "b0-scripted")
        self.embeddings = bool(switches & {"--embeddings", "--embedding"})

    def error(self, code: int, message: str, kind: str, **more: object) -> Json:
        """Return an error body in llama-server's shape."""
        return {"error": {"code": code, "message": message, "type": kind, **more}}

    async def boot(self) -> None:
        """Open the port at once, then load."""
        await self.open_port(self._taken)
        log(f"I srv    load_model: loading model '{self.model}'")
        if kind := await self.loaded():
            status, words = LAST_WORDS[kind]
            say(words)
            leave(status)
        self.ready = True
        log(f"I srv  llama_server: model loaded; listening on http://{self.host}:{self.port}")

    def _taken(self) -> NoReturn:
        log(f"E srv         start: couldn't bind HTTP server socket, hostname: {self.host}, port: {self.port}")
        log("E srv  llama_server: exiting due to HTTP server error")
        leave(1)

    def turned_away(self, wire: Wire, path: str, headers: Mapping[str, str]) -> bool:
        """Want the key everywhere but on /health, and answer nothing else while loading."""
        if path.removeprefix("/v1") == "/health":
            wire.json(200, {"status": "ok"}) if self.ready else wire.json(503, LOADING)
        elif self.key and headers.get("authorization") != f"Bearer {self.key}":
            wire.json(401, self.error(401, "Invalid API Key", "authentication_error"))
        elif not self.ready:
            wire.json(503, LOADING)
        else:
            return False
        return True

    def refusal(self, job: Job, path: str, asked: Json) -> tuple[int, Json] | None:
        """Return why a request is not served, if so."""
        if scripted := super().refusal(job, path, asked):
            return scripted
        if job.fault("too_long") or job.prompt_tokens > self.context:
            message = (
                f"request ({job.prompt_tokens} tokens) exceeds the available context size ({self.context} tokens),"
                " try increasing it"
            )
            counts = {"n_prompt_tokens": job.prompt_tokens, "n_ctx": self.context}
            return 400, self.error(400, message, "exceed_context_size_error", **counts)
        if job.chat and "messages" not in asked:
            return 400, self.error(400, "'messages' is required", "invalid_request_error")
        if path.endswith("/embeddings") and not self.embeddings:
            said = "This server does not support embeddings. Start it with `--embeddings`"
            return 501, self.error(501, said, "not_supported_error")
        return None

    async def tell(self, wire: Wire, method: str, path: str, query: str, body: bytes) -> None:
        """Answer a question about the server itself."""
        del method, query
        route = path.removeprefix("/v1")
        while route in ("/slots", "/metrics") and self.script.get("hang"):
            await self.change(None)
        match route:
            case "/models":
                meta = {"n_ctx": self.context, "n_ctx_train": self.context, "n_params": 0, "size": 0}
                model = {"id": self.alias, "aliases": [self.alias], "object": "model", "created": 0}
                wire.json(200, {"object": "list", "data": [{**model, "owned_by": "llamacpp", "meta": meta}]})
            case "/props":
                defaults = {"n_ctx": self.context, "params": {}}
                names: Json = {"model_alias": self.alias, "model_path": self.model, "build_info": self.build}
                if (able := self.script.get("able")) is not None:
                    names["modalities"] = {"vision": "vision" in able}
                about = {"total_slots": len(self.slots), **names, "is_sleeping": False}
                about |= {"chat_template": self.script["template"]} if "template" in self.script else {}
                wire.json(200, {"default_generation_settings": defaults, **about})
            case "/slots":
                wire.json(200, [self.slot(place, job) for place, job in enumerate(self.slots)])
            case "/metrics":
                waiting = self.counts["in_flight"] - self.busy
                text = f"llamacpp:requests_processing {self.busy}\nllamacpp:requests_deferred {waiting}\n"
                wire.whole(200, text.encode(), "text/plain; version=0.0.4")
            case "/tokenize":
                words = str(json.loads(body).get("content", "")).split()
                wire.json(200, {"tokens": [len(word) for word in words]})
            case "/apply-template" if "template" in self.script:
                wire.json(200, {"prompt": str(json.loads(body).get("chat_template_kwargs"))})
            case _:
                wire.json(404, self.error(404, "File Not Found", "not_found_error"))

    def slot(self, place: int, job: Job | None) -> Json:
        """Return one slot as /slots shows it."""
        shown = {"id": place, "n_ctx": self.context, "speculative": False, "is_processing": job is not None}
        if job is None:
            return shown
        left = job.wanted[0] - job.sent
        token = {"has_next_token": True, "has_new_line": False, "n_remain": left, "n_decoded": job.sent}
        return {**shown, "id_task": job.number, "n_prompt_tokens": job.prompt_tokens, "next_token": [token]}


def main() -> None:
    """Be an engine until told otherwise."""
    flags, given = parse(sys.argv[1:], VALUE_FLAGS)
    unknown = sorted(given - KNOWN_FLAGS)
    if "--strict-flags" in given and unknown:
        say(f"error: invalid argument: {unknown[0]}")
        leave(1)
    if "--version" in given:
        say("version: 0 (scripted)")
        leave(0)
    play(lambda script: LlamaServer(flags, given, script), json.loads(flags.get("script", "{}")))


if __name__ == "__main__":
    main()
