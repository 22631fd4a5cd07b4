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
from bench.workloads import HEADERS, Scenario, http_request

LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding:\s*chunked", re.IGNORECASE)

WRK_LUA = """\
wrk.method = "POST"
wrk.path = "/v1/chat/completions"
{headers}
local file = io.open("{body}", "rb")
wrk.body = file:read("*a")
file:close()
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('BENCH {{"requests":%d,"seconds":%.6f,"p50":%.6f,"p99":%.6f,"errors":%d}}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


class TooFewError(BenchError):
    """So few answers came in the time given that there is nothing to measure."""


@dataclass(frozen=True)
class Figures:
    """What one burst of load showed; latencies of whole answers, in milliseconds."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float


def generator() -> str:
    """Return the name of the load generator that will be used."""
    return "wrk" if shutil.which("wrk") else "own"


def measure(port: int, model: str, scenario: Scenario, seconds: float, folder: Path) -> Figures:
    """Ask 127.0.0.1:*port* what *scenario* asks of *model*, as fast as it answers, for *seconds* (wrk: in whole seconds).

    Raises:
        TooFewError: No answer came in that time.
        BenchError: An answer failed.
    """
    body = scenario.workload.body(model)
    if generator() == "wrk":
        return _wrk(port, scenario, max(1, round(seconds)), body, folder)
    return asyncio.run(_own(port, scenario.connections, seconds, http_request(body)))


def _wrk(port: int, scenario: Scenario, seconds: int, body: bytes, folder: Path) -> Figures:
    script, file = folder / f"{scenario.workload.key}.lua", folder / f"{scenario.workload.key}.json"
    file.write_bytes(body)
    headers = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in HEADERS.items())
    script.write_text(WRK_LUA.format(body=file, headers=headers))
    argv = [
        "wrk",
        "-t1",
        f"-c{scenario.connections}",
        f"-d{seconds}s",
        "--timeout",
        "60s",
        "-s",
        str(script),
        f"http://127.0.0.1:{port}",
    ]
    run = subprocess.run(argv, capture_output=True, text=True, timeout=seconds + 30, check=False)
    found = re.search(r"^BENCH (.*)$", run.stdout, re.MULTILINE)
    if found is None:
        raise BenchError(f"wrk gave no figures for port {port}: {run.stdout}{run.stderr}")
    seen = json.loads(found[1])
    if not seen["errors"] and not seen["requests"]:
        raise TooFewError(f"port {port} answered no request in {seconds} s; give it more --seconds")
    if seen["errors"]:
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


async def _own(port: int, connections: int, seconds: float, request: bytes) -> Figures:
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
        raise TooFewError(f"port {port} answered {len(latencies)} requests in {seconds} s; give it more --seconds")
    cuts = statistics.quantiles(latencies, n=100)
    return Figures(len(latencies) / took, cuts[49], cuts[98])
