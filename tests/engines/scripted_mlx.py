"""An mlx_lm.server without a model: its flags, its HTTP/1.0, its habits, and faults on demand.

    python scripted_mlx.py --model any-folder --port 8080 --script '{"load_seconds": 1}'

It reports itself healthy before it is loaded, and requests wait for the load. A model that cannot be loaded leaves it standing
with 503; a port that is taken leaves it hanging without one. It has no limit of context, and takes whatever ``model`` names
for something to load. A whole answer is generated to the end even if its client disconnected. `tests.engines.core` has what
the script may say.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.engines.core import Engine, Job, Json, Wire, leave, parse, play, say

VALUE_FLAGS = {
    "--model": "model",
    "--host": "host",
    "--port": "port",
    "--decode-concurrency": "slots",
    "--script": "script",
}
_OTHER_FLAGS = """
    --strict-flags --adapter-path --allowed-origins --draft-model --num-draft-tokens --trust-remote-code --log-level
    --chat-template --use-default-chat-template --temp --top-p --top-k --min-p --max-tokens --chat-template-args
    --prompt-concurrency --prefill-step-size --prompt-cache-size --prompt-cache-bytes --pipeline
"""
KNOWN_FLAGS = {*VALUE_FLAGS, *_OTHER_FLAGS.split()}
WORDS = {
    "out_of_memory": "RuntimeError: [metal::malloc] Attempting to allocate 8589934592 bytes which is greater than the maximum",
    "missing_file": "FileNotFoundError: [Errno 2] No such file or directory: '/gone/config.json'",
    "driver": "RuntimeError: [metal::load_device] No Metal device available",
}


class MlxJob(Job):
    """A request in the shapes of mlx_lm.server."""

    comment = ": keepalive 1/2"

    def piece(self, text: str) -> Json:
        """Return one token; a chat's role is in every one."""
        shown = super().piece(text)
        if self.chat:
            shown["choices"][0]["delta"] = {"role": "assistant", "content": text}
        return shown

    def closing(self) -> list[Json]:
        """Return the end; usage comes as if it were an answer in one piece."""
        *rest, last = super().closing()
        return [*rest, {**last, "object": "chat.completion"}] if rest else [last]

    async def in_one(self) -> None:
        """Answer in one piece, to the end even for a disconnected client."""
        generating = asyncio.create_task(super().in_one())
        try:
            await asyncio.shield(generating)
        except asyncio.CancelledError:
            await generating
            raise


class Mlx(Engine):
    """mlx_lm.server."""

    job = MlxJob
    headers = ("Server: BaseHTTP/0.6 Python/3.12",)
    persistent = False
    served = ("/v1/chat/completions", "/v1/completions", "/chat/completions")

    def __init__(self, flags: Mapping[str, str], script: Json) -> None:
        super().__init__(
            script,
            port=int(flags.get("port", 8080)),
            slots=int(flags.get("slots", 32)),
            context=sys.maxsize,
            alias=flags.get("model", ""),
            host=flags.get("host", "127.0.0.1"),
        )
        self.ping = 0.2
        self.dead = False
        self.done = asyncio.Event()

    async def boot(self) -> None:
        """Open the port, say that all is well, and load."""
        try:
            await self.open_port(self._taken)
        except Hanging:
            return
        say("UserWarning: mlx_lm.server is not recommended for production as it only implements basic security checks.")
        say(f"INFO - Starting httpd at {self.host} on port {self.port}...")
        self.ready = True
        if kind := await self.loaded():
            say(f"Traceback (most recent call last):\n{WORDS.get(kind, 'RuntimeError: something else')}")
            self.dead = True
        self.done.set()

    def _taken(self) -> NoReturn:
        say("OSError: [Errno 98] Address already in use")
        raise Hanging

    def terminated(self) -> None:
        """Die at once, as of an unhandled signal."""
        leave(-15)

    async def work(self, wire: Wire, path: str, body: bytes) -> bool:
        """Wait for the load; a dead thread makes no tokens."""
        await self.done.wait()
        if self.dead:
            wire.json(404, {"error": "generation thread died"})
            return False
        return await super().work(wire, path, body)

    def refusal(self, job: Job, path: str, asked: Json) -> tuple[int, Json] | None:
        """Return why a request is not served: what the script says, or an unknown model."""
        named = asked.get("model") or "default_model"
        if named not in ("default_model", self.alias):
            return 404, {"error": f"Repository Not Found for url: https://huggingface.co/api/models/{named}"}
        return super().refusal(job, path, asked)

    async def tell(self, wire: Wire, method: str, path: str, query: str, body: bytes) -> None:
        """Answer a question about the server itself."""
        del query, body
        match method, path:
            case "GET", "/health":
                wire.json(503 if self.dead else 200, {"status": "unavailable" if self.dead else "ok"})
            case "GET", "/v1/models":
                wire.json(200, {"object": "list", "data": [{"id": self.alias, "object": "model", "created": 0}]})
            case _:
                wire.whole(404, b"Not Found", "text/html")


class Hanging(Exception):
    """The port is taken: the serving thread has ended, the generating one waits for ever."""


def main() -> None:
    """Be an engine until told otherwise."""
    flags, given = parse(sys.argv[1:], VALUE_FLAGS)
    unknown = sorted(given - KNOWN_FLAGS)
    if unknown and "--strict-flags" in given:
        say(f"server.py: error: unrecognized arguments: {unknown[0]}")
        leave(2)
    play(lambda script: Mlx(flags, script), json.loads(flags.get("script", "{}")))


if __name__ == "__main__":
    main()
