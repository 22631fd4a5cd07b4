"""The bar that a terminal shows while a model loads."""

import subprocess
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from threading import Event

from tests.cli.recorded import SHOWN, Daemon
from tests.cli.terminal import DEADLINE, Terminal


def test_a_terminal_sees_the_load_proceed(daemon: Daemon, process: Callable[..., subprocess.Popen[str]]) -> None:
    """While the daemon loads, its progress is polled and drawn; the load's end takes the bar away."""
    loaded = Event()

    def load_when_told(handler: BaseHTTPRequestHandler) -> None:
        assert loaded.wait(DEADLINE)
        daemon.reply(handler, {"model": "tiny", "state": "ready", "seconds": 1.0})

    daemon.answers["POST /hostd/v1/models/tiny/load"] = load_when_told
    daemon.on("GET /hostd/v1/models/tiny", SHOWN | {"progress": 0.62})
    with Terminal() as terminal:
        child = process("load", "tiny", "--url", daemon.url, stderr=terminal.end)
        terminal.wait_for("62%")
        loaded.set()
        terminal.wait_for("hostd: tiny is ready after 1.0 s")
        assert "" == child.communicate(timeout=DEADLINE)[0]
    assert 0 == child.returncode
