"""Fixtures: the recorded daemon, an empty home, and two ways to run the command line."""

import os
import socketserver
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from hostd.cli.app import run
from tests.cli.recorded import Daemon, Ran
from tests.models.hub import Hub, serve


class _UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    """A daemon on a loopback port."""
    stage = Daemon()
    server = ThreadingHTTPServer(("127.0.0.1", 0), stage.handler())
    server.daemon_threads = True
    stage.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield from _serving(server, stage)


@pytest.fixture
def unix_daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon on a unix socket."""
    stage = Daemon(url=f"unix:{tmp_path / 'hostd.sock'}")
    yield from _serving(_UnixServer(str(tmp_path / "hostd.sock"), stage.handler()), stage)


def _serving(server: socketserver.BaseServer, stage: Daemon) -> Iterator[Daemon]:
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield stage
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def bare_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any configuration, so that nothing of the owner's is read."""
    for name in ("HOSTD_URL", "HOSTD_API_KEY", "HOSTD_CONFIG", "COLUMNS", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


@pytest.fixture
def hostd(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run a command line in this process."""

    def invoke(*argv: str) -> Ran:
        capsys.readouterr()
        code = run(argv)
        return Ran(int(code), *capsys.readouterr())

    return invoke


@pytest.fixture
def process() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start ``python -m hostd``; whatever still runs when the test ends is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*argv: str, **options: Any) -> subprocess.Popen[str]:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        command = [sys.executable, "-m", "hostd", *argv]
        started.append(subprocess.Popen(command, text=True, env=dict(os.environ), **pipes))
        return started[-1]

    yield start
    for child in started:
        child.kill()
        child.communicate()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, bare_home: Path) -> Iterator[Hub]:
    """A hub and a registry that the command line asks; no daemon answers."""
    with serve() as running:
        for name in ("HF_HOME", "HF_TOKEN", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HOSTD_OFFLINE", "OLLAMA_MODELS"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", str(bare_home / "cache"))
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HOSTD_OLLAMA_REGISTRY", running.url)
        monkeypatch.setenv("HOSTD_URL", "http://127.0.0.1:9")
        yield running
