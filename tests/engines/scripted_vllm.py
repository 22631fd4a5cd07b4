"""A vLLM without a model: `vllm serve` with its flags, routes, metrics and sleep, and faults on demand.

    python scripted_vllm.py serve any-folder --served-model-name demo --port 8080 --script '{"load_seconds": 1}'

Its memory is in an EngineCore, a child in the same group that outlives a kill of the server. The port opens when all is loaded.
What the script may say beside what `tests.engines.core` tells:

    sleep_pretends true    asleep, it keeps its memory, as on a processor
    sleep_fails true       /sleep answers 500
    wake_fails true        /wake_up answers 500
    wake_seconds 0         how long waking takes
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.engines.child import Child
from tests.engines.core import Engine, Job, Json, Wire, leave, parse, play, say

VERSION = "0.33.0"
VALUE_FLAGS = {
    "--served-model-name": "alias",
    "--host": "host",
    "--port": "port",
    "--api-key": "key",
    "--max-model-len": "context",
    "--max-num-seqs": "seqs",
    "--tensor-parallel-size": "cards",
    "--kv-cache-memory-bytes": "kv",
    "--script": "script",
}
_OTHER_FLAGS = """
    --strict-flags --enforce-eager --enable-sleep-mode --gpu-memory-utilization --kv-cache-dtype --dtype --version
    --disable-log-requests --disable-access-log-for-endpoints --enable-prefix-caching --trust-remote-code --runner --task
    --convert --help
    --middleware --disable-uvicorn-access-log
    --max-num-batched-tokens --uvicorn-log-level --enable-auto-tool-choice --tool-call-parser
"""
KNOWN_FLAGS = {*VALUE_FLAGS, *_OTHER_FLAGS.split()}
LAST_WORDS = {
    "out_of_memory": "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 8.00 GiB. GPU 0 has a total capacity",
    "bad_flag": "vllm: error: unrecognized arguments: --frobnicate",
    "missing_file": "OSError: Can't load the configuration of '/gone'. Repo id must be in the form 'repo_name'",
    "port_taken": "OSError: [Errno 98] Address already in use",
    "driver": "RuntimeError: CUDA error: no kernel image is available for execution on the device",
    "unknown": "RuntimeError: something never seen before",
}
DEAD = "EngineCore encountered an issue. See stack trace (above) for the root cause."
# How long the server stands after its EngineCore has died.
LINGERS = 1.5


class VllmJob(Job):
    """A request in vLLM's shapes."""

    engine: "Vllm"

    comment = ""
    broken = DEAD

    async def in_pieces(self) -> None:
        """Answer as a stream, and count."""
        try:
            await super().in_pieces()
        finally:
            self.engine.generated += self.sent

    async def in_one(self) -> None:
        """Answer in one piece, and count."""
        try:
            await super().in_one()
        finally:
            self.engine.generated += self.sent

    def opening(self) -> list[Json]:
        """A chat begins with a role and an empty text."""
        if not self.chat:
            return []
        delta = {"role": "assistant", "content": ""}
        return [{**self.document, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}]}]

    def breaking(self) -> None:
        """A stream that breaks says so, and then ends as if all were well."""
        self.wire.chunk(self.engine.error(500, DEAD, "InternalServerError"))
        self.wire.event("data: [DONE]")
        self.wire.end()


class Vllm(Engine):
    """`vllm serve`."""

    job = VllmJob
    headers = ("server: uvicorn",)

    def __init__(self, flags: Mapping[str, str], model: str, script: Json) -> None:
        super().__init__(
            script,
            port=int(flags.get("port", 8000)),
            slots=int(flags.get("seqs", 256)),
            context=int(flags.get("context", 4096)),
            alias=flags.get("alias", model),
            host=flags.get("host", "127.0.0.1"),
        )
        self.model = model
        self.key = flags.get("key", os.environ.get("VLLM_API_KEY"))
        self.dev = os.environ.get("VLLM_SERVER_DEV_MODE") == "1"
        self.asleep = 0
        self.generated = 0
        self.core: Child | None = None

    def error(self, code: int, message: str, kind: str, **more: object) -> Json:
        """Return an error body in vLLM's shape."""
        return {"error": {"message": message, "type": kind, "param": more.get("param"), "code": code}}

    async def boot(self) -> None:
        """Load into the EngineCore first; only then open the port."""
        say(f"(APIServer pid={os.getpid()}) INFO 08-21 18:48:22 [api_server.py:1971] vLLM API server version {VERSION}")
        self.core = Child()
        self.children.append(self.core.pid)
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._core_died)
        if kind := await self.loaded():
            say(
                f"(EngineCore pid={self.core.pid}) ERROR {LAST_WORDS[kind]}" if kind != "bad_flag" else LAST_WORDS[kind]
            )
            self.leave(2 if kind == "bad_flag" else 1)
        self.memory = bytearray()
        self.core.hold(self.held)
        say(f"(EngineCore pid={self.core.pid}) INFO [kv_cache_utils.py:1299] GPU KV cache size: 52,352 tokens")
        await self.open_port(self._taken)
        self.ready = True
        say(f"(APIServer pid={os.getpid()}) INFO:     Application startup complete.")

    def _taken(self) -> NoReturn:
        say(LAST_WORDS["port_taken"])
        self.leave(1)

    def leave(self, status: int) -> NoReturn:
        """End, and the EngineCore with it."""
        if self.core is not None:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)
            self.core.kill()
        leave(status)

    def terminated(self) -> None:
        """Break what runs, then go."""
        self.broken = True
        self.alter()
        asyncio.get_running_loop().call_later(0.05 if self.busy else 0.0, self.leave, 0)

    def _core_died(self) -> None:
        self.broken, self.ready = True, False
        self.alter()
        asyncio.get_running_loop().call_later(LINGERS, leave, 1)

    @property
    def held(self) -> int:
        """What the EngineCore holds."""
        if self.core is None or (self.asleep and not self.script.get("sleep_pretends")):
            return 0
        return int(self.script.get("load_bytes") or 0)

    def turned_away(self, wire: Wire, path: str, headers: Mapping[str, str]) -> bool:
        """Want the key on /v1 routes."""
        if path == "/health":
            wire.whole(200 if self.ready else 503, b"")
        elif path.startswith("/v1") and self.key and headers.get("authorization") != f"Bearer {self.key}":
            wire.json(401, {"error": "Unauthorized"})
        else:
            return False
        return True

    def refusal(self, job: Job, path: str, asked: Json) -> tuple[int, Json] | None:
        """Return why a request is not served, if so."""
        if scripted := super().refusal(job, path, asked):
            return scripted
        if asked.get("model") not in (None, self.alias):
            said = f"The model `{asked['model']}` does not exist. Valid aliases: {self.alias}."
            return 404, self.error(404, said, "NotFoundError", param="model")
        if job.fault("too_long") or job.prompt_tokens > self.context:
            said = (
                f"This model's maximum context length is {self.context} tokens. However, your prompt contains "
                f"{job.prompt_tokens} tokens. Please reduce the length of the input messages."
            )
            return 400, self.error(400, said, "BadRequestError", param="input_text")
        return None

    async def work(self, wire: Wire, path: str, body: bytes) -> bool:
        """Nothing is served while asleep, not even refused."""
        while self.asleep:
            await self.change(None)
        return await super().work(wire, path, body)

    async def tell(self, wire: Wire, method: str, path: str, query: str, body: bytes) -> None:
        """Answer a question about the server itself."""
        del body
        while path == "/metrics" and self.script.get("hang"):
            await self.change(None)
        match method, path:
            case "GET", "/version":
                wire.json(200, {"version": VERSION})
            case "GET", "/v1/models":
                model = {"id": self.alias, "object": "model", "created": 0, "owned_by": "vllm", "root": self.model}
                wire.json(200, {"object": "list", "data": [{**model, "max_model_len": self.context}]})
            case "GET", "/metrics":
                wire.whole(200, self._metrics().encode(), "text/plain; version=1.0.0; charset=utf-8")
            case "POST", "/sleep" if self.dev:
                self._sleep(wire, query)
            case "POST", "/wake_up" if self.dev and query == "tags=weights":
                wire.whole(200, b"")
            case "POST", "/collective_rpc" if self.dev:
                wire.json(200, {"results": [None]})
            case "POST", "/wake_up" if self.dev:
                await self._wake(wire)
            case "GET", "/is_sleeping" if self.dev:
                wire.json(200, {"is_sleeping": bool(self.asleep)})
            case _:
                wire.json(404, {"detail": "Not Found"})

    def _metrics(self) -> str:
        waiting = self.counts["in_flight"] - self.busy
        label = f'{{engine="0",model_name="{self.alias}"}}'
        generated = self.generated + sum(job.sent for job in self.slots if job is not None)
        return (
            f"vllm:num_requests_running{label} {float(self.busy)}\nvllm:num_requests_waiting{label} {float(waiting)}\n"
            f"vllm:generation_tokens_total{label} {float(generated)}\nvllm:kv_cache_usage_perc{label} 0.0\n"
            f"vllm:iteration_tokens_total_count{label} {float(generated)}\n"
        )

    def _sleep(self, wire: Wire, query: str) -> None:
        if self.script.get("sleep_fails"):
            return wire.json(500, self.error(500, DEAD, "InternalServerError"))
        level = query.partition("level=")[2].partition("&")[0]
        self.asleep = int(level or 1)
        if self.core is not None:
            self.core.hold(self.held)
        return wire.whole(200, b"")

    async def _wake(self, wire: Wire) -> None:
        if self.script.get("wake_fails"):
            return wire.json(500, self.error(500, DEAD, "InternalServerError"))
        await asyncio.sleep(float(self.script.get("wake_seconds") or 0))
        self.asleep = 0
        if self.core is not None:
            self.core.hold(self.held)
        self.alter()
        return wire.whole(200, b"")


def main() -> None:
    """Be an engine until told otherwise."""
    words = sys.argv[1:]
    if "--version" in words:
        print(VERSION)  # noqa: T201 - what it is asked for
        return
    flags, given = parse(words, VALUE_FLAGS)
    unknown = sorted(given - KNOWN_FLAGS)
    if unknown and "--strict-flags" in given:
        say(f"vllm: error: unrecognized arguments: {unknown[0]}")
        leave(2)
    model = next((word for word in words if not word.startswith("-") and word != "serve"), "")
    play(lambda script: Vllm(flags, model, script), json.loads(flags.get("script", "{}")))


if __name__ == "__main__":
    main()
