"""A server that hostd does not manage: started and ended by the test, attached by hostd."""

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hostd.supervisor.launch import free_port
from tests.journeys.host import environment_for, until

ENGINES = Path(__file__).parents[1] / "engines"


@dataclass
class Neighbour:
    """A program at *url* that can be stopped and started again there; *health* is its page that says that it is up."""

    argv: Sequence[str]
    url: str
    health: str
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> int:
        """Start it; return its pid once it is up."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.argv, env=dict(self.environment), stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        until(self.is_up)
        return self.process.pid

    def stop(self) -> None:
        """End it."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(10)

    def runs(self, pid: int) -> bool:
        """Return whether it is still the process that it was, and up."""
        return self.process is not None and self.process.pid == pid and self.process.poll() is None and self.is_up()

    def is_up(self) -> bool:
        """Return whether its page says so."""
        try:
            with urllib.request.urlopen(self.url + self.health, timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.HTTPError, OSError):
            return False

    def get(self, path: str) -> Any:
        """Return a page of its as a document."""
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:
            return json.load(answer)

    def script(self, **changes: object) -> None:
        """Change what it does."""
        request = urllib.request.Request(f"{self.url}/_script", json.dumps(changes).encode())
        with urllib.request.urlopen(request, timeout=5) as answer:
            answer.read()


@contextmanager
def llama_server(folder: Path, name: str, *, up: bool = True, **script: object) -> Iterator[Neighbour]:
    """Run a scripted llama-server that calls its model *name*, at once or when told; whatever happens to it, it is ended."""
    weights = folder / "theirs.gguf"
    weights.write_bytes(b"GGUF" + bytes(60))
    port = free_port()
    words = ["-m", str(weights), "--port", str(port), "--alias", name, "-c", "8192", "-np", "2"]
    argv = [sys.executable, str(ENGINES / "scripted_engine.py"), *words, "--script", json.dumps(script)]
    server = Neighbour(argv, f"http://127.0.0.1:{port}", "/health", environment_for(folder), folder / "theirs.log")
    with running(server, up=up):
        yield server


@contextmanager
def running(attached_server: Neighbour, *, up: bool = True) -> Iterator[Neighbour]:
    """Have *attached_server* run while the block lasts, whatever becomes of it meanwhile; unless *up*, the block must start it."""
    try:
        if up:
            attached_server.start()
        yield attached_server
    finally:
        attached_server.stop()
