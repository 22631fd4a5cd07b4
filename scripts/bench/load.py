"""Load at full speed over a few keep-alive connections: wrk where it is installed, else a small one of our own."""

import asyncio
import json
import re
import shutil
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench.processes import BenchError

TOKENS = 32
LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding:\s*chunked", re.IGNORECASE)

WRK_LUA = """\
wrk.method = "POST"
wrk.path = "/v1/chat/completions"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [==[{body}]==]
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('BENCH {{"requests":%d,"seconds":%.6f,"p50":%.6f,"p99":%.6f,"errors":%d}}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass(frozen=True)
class Figures:
    """What one burst of load showed; latencies in milliseconds."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float


def chat_body(*, stream: bool, tokens: int = TOKENS, prompt: str = "Hello") -> str:
    """Return the chat completion request that is sent."""
    request: dict[str, object] = {
        "model": "bench",
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": tokens,
    }
    return json.dumps(request | ({"stream": True} if stream else {}))


def http_request(body: str) -> bytes:
    """Return *body* as the bytes of a POST to the chat completions."""
    lines = [
        "POST /v1/chat/completions HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body.encode())}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def generator() -> str:
    """Return the name of the load generator that will be used."""
    return "wrk" if shutil.which("wrk") else "own"


def measure(port: int, connections: int, seconds: int, *, stream: bool, folder: Path) -> Figures:
    """Ask 127.0.0.1:*port* as fast as it answers, over *connections* connections, for *seconds*.

    Raises:
        BenchError: An answer failed, or none came.
    """
    body = chat_body(stream=stream)
    if generator() == "wrk":
        return _wrk(port, connections, seconds, body, folder / f"wrk-{'stream' if stream else 'whole'}.lua")
    return asyncio.run(_own(port, connections, seconds, http_request(body)))


def _wrk(port: int, connections: int, seconds: int, body: str, script: Path) -> Figures:
    script.write_text(WRK_LUA.format(body=body))
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), f"http://127.0.0.1:{port}"]
    run = subprocess.run(argv, capture_output=True, text=True, timeout=seconds + 30, check=False)
    found = re.search(r"^BENCH (.*)$", run.stdout, re.MULTILINE)
    if found is None:
        raise BenchError(f"wrk gave no figures for port {port}: {run.stdout}{run.stderr}")
    seen = json.loads(found[1])
    if seen["errors"] or not seen["requests"]:
        raise BenchError(f"port {port}: {seen['errors']} of {seen['requests']} answers failed under load: {run.stdout}")
    return Figures(seen["requests"] / seen["seconds"], seen["p50"], seen["p99"])


class _Asker(asyncio.Protocol):
    """Sends the same request again as soon as the answer is complete, and notes how long each took."""

    def __init__(self, request: bytes, finished: asyncio.Future[None]) -> None:
        self.request, self.finished = request, finished
        self.transport: asyncio.Transport | None = None
        self.buffer, self.sent = b"", 0.0
        self.latencies: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self.transport = transport
        self.ask()

    def ask(self) -> None:
        self.buffer, self.sent = b"", time.perf_counter()
        if self.transport is not None:
            self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.complete():
            return
        if not self.buffer.startswith(b"HTTP/1.1 200 "):
            self.fail(self.buffer[:300].decode(errors="replace"))
            return
        self.latencies.append(time.perf_counter() - self.sent)
        self.ask()

    def complete(self) -> bool:
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        if length := LENGTH.search(self.buffer, 0, end):
            return len(self.buffer) >= end + 4 + int(length[1])
        if not CHUNKED.search(self.buffer, 0, end):
            self.fail("an answer had neither a length nor chunks")
        return self.buffer.endswith(b"\r\n0\r\n\r\n")

    def connection_lost(self, _error: Exception | None) -> None:
        self.fail("the connection was closed")

    def fail(self, why: str) -> None:
        if not self.finished.done():
            self.finished.set_exception(BenchError(f"an answer failed under load: {why}"))


async def _own(port: int, connections: int, seconds: int, request: bytes) -> Figures:
    loop = asyncio.get_running_loop()
    finished: asyncio.Future[None] = loop.create_future()
    began = time.perf_counter()
    pairs = [
        await loop.create_connection(lambda: _Asker(request, finished), "127.0.0.1", port) for _ in range(connections)
    ]
    try:
        await asyncio.wait_for(asyncio.shield(finished), seconds)
    except TimeoutError:
        finished.cancel()
    took = time.perf_counter() - began
    latencies = [latency * 1000 for _, asker in pairs for latency in asker.latencies]
    for transport, _ in pairs:
        transport.abort()
    if len(latencies) < 2:
        raise BenchError(f"port {port} answered {len(latencies)} requests in {seconds} s; there is nothing to measure")
    cuts = statistics.quantiles(latencies, n=100)
    return Figures(len(latencies) / took, cuts[49], cuts[98])
