"""A small daemon that answers what was recorded, and how a command line against it ended."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from hostd.domain.host import Host
from hostd.hardware.inventory import inventory

Handler = Callable[[BaseHTTPRequestHandler], None]

READY: dict[str, Any] = {
    "model": "qwen3.5-9b",
    "variant": "llamacpp:Qwen3.5-9B-Q4_K_M.gguf",
    "backend": "llamacpp",
    "state": "ready",
    "pid": 4711,
    "port": 40001,
    "pool_bytes": {"ram": 6 * 1024**3},
    "slots": 4,
    "in_flight": 2,
    "queued": 3,
    "since": "2026-11-20T08:00:00Z",
    "unloads_at": "2099-01-01T00:00:00Z",
    "restarts": 1,
    "last_error": None,
}
FAILED: dict[str, Any] = {
    "model": "org/tiny:latest",
    "variant": None,
    "backend": None,
    "state": "failed",
    "pid": None,
    "port": None,
    "pool_bytes": {},
    "slots": 1,
    "in_flight": 0,
    "queued": 0,
    "since": None,
    "unloads_at": None,
    "restarts": 3,
    "last_error": "llama-server ended with status 1: the file is no GGUF, and this sentence goes on for quite a while\nmore",
}
CHATTY: dict[str, Any] = {
    "name": "qwen3.5-9b",
    "aliases": ["gpt-4o-mini"],
    "roles": ["planner"],
    "state": "ready",
    "context": 32768,
    "slots": 4,
    "capabilities": {"tools": True, "vision": False, "thinking": "optional", "embeddings": False},
    "probed": {},
    "fallback": ["org/tiny:latest"],
    "variants": [
        {"label": "vllm:Qwen3.5-9B-AWQ", "backend": "vllm", "usable": False, "why": "vllm is not implemented yet"},
        {"label": "llamacpp:Qwen3.5-9B-Q4_K_M.gguf", "backend": "llamacpp", "usable": True, "why": None},
    ],
    "limits": {"max_concurrent": 2, "queue_timeout": "30s"},
    "warm": {"preload": True, "keep_alive": "30m", "windows": []},
}
EMBEDDER: dict[str, Any] = CHATTY | {
    "name": "org/tiny:latest",
    "aliases": [],
    "roles": [],
    "state": "failed",
    "context": None,
    "capabilities": {"embeddings": True},
    "probed": {},
    "fallback": [],
    "variants": [],
}
SHOWN: dict[str, Any] = CHATTY | {
    "instance": READY,
    "progress": None,
    "argv": ["llama-server", "--alias", "a name"],
    "choice": None,
    "server": {"version": "b11434", "context": 32768, "slots": 2},
    "log_tail": ["listening", "slot 0 is idle"],
}


def planning_answer(
    host: Host, free: Mapping[str, int], held: Mapping[str, Mapping[str, int]], *, busy: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return an answer to GET /hostd/v1/plan: so much is *free* (bytes) on *host*, and of who holds the rest some are *busy*."""
    told = inventory(host)
    pools = [row | {"facts": dict(pool.facts)} for row, pool in zip(told["pools"], host.pools, strict=True)]
    return {
        "pools": [{"id": pool, "room_bytes": count} for pool, count in free.items()],
        "held": held,
        "warm_set": [],
        "host": told["host"] | {"pools": pools, "troubles": list(host.troubles)},
        "returning": {},
        "evictable": [
            {"model": name, "cost_s": 1.0, "pool_bytes": count, "in_use": name in busy} for name, count in held.items()
        ],
        "options": {},
        "profiles": {},
    }


@dataclass
class Daemon:
    """Serves what *answers* holds for ``METHOD /path``, and remembers what it was asked."""

    url: str = ""
    answers: dict[str, Handler] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def on(self, request: str, body: Any, status: int = 200, **headers: str) -> None:
        """Answer *request* as `reply` does."""
        self.answers[request] = lambda handler: self.reply(handler, body, status, **headers)

    def reply(self, handler: BaseHTTPRequestHandler, body: Any, status: int = 200, **headers: str) -> None:
        """Send *body*: text as it is, anything else as JSON."""
        raw = (body if isinstance(body, str) else json.dumps(body)).encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw)

    def refuse(self, request: str, status: int, message: str, code: str, **headers: str) -> None:
        """Answer *request* with an error in OpenAI's shape."""
        error = {"message": message, "type": "error", "param": None, "code": code}
        self.on(request, {"error": error}, status, **headers)

    def paths(self) -> list[str]:
        """Return what was asked so far, as ``METHOD /path``."""
        return [path for path, _ in self.asked]

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """Return the request handler that answers for this daemon."""
        daemon = self

        class Answering(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                asked = f"{self.command} {self.path}"
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                daemon.asked.append((asked, json.loads(body) if body else None))
                if asked in daemon.answers:
                    daemon.answers[asked](self)
                else:
                    self.send_error(404)

            do_GET = do_POST = _answer  # noqa: N815 - the names that http.server looks for

            def log_message(self, *_: object) -> None:
                """Keep the test's output clean."""

        return Answering


@dataclass(frozen=True)
class Ran:
    """How a command line ended."""

    code: int
    out: str
    err: str
