"""A daemon with a model in each state of the lifecycle, for tests that kill what runs."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import psutil

from hostd.domain.lifecycle import State
from tests.counting_model import write_counting_model
from tests.journeys.host import Host, started, until, write_files

ROOT = Path(__file__).parents[2]
ENGINES = ROOT / "tests/engines"
COLD = {"preload": False}
LONG = 600
SCRIPTS: dict[State, dict[str, Any]] = {
    State.COLD: {},
    State.LOADING: {"load_seconds": LONG},
    State.READY: {},
    State.DRAINING: {"tokens": 100_000, "token_delay": 0.05},
    State.STOPPING: {"ignore_sigterm": True},
    State.FAILED: {"load_fails": "driver"},
    State.SLEEPING: {"load_bytes": 1 << 20},
}
"""What the engine of a model does, so that it gets into the state of its name and stays there for a while."""


def files(folder: Path, *states: State, **host: Any) -> Path:
    """Write a configuration with a model for each of *states*, called like it; return hostd.yaml."""
    weights = folder / "scripted.gguf"
    weights.write_bytes(b"GGUF" + bytes(60))
    counting = write_counting_model(folder / "counting", 4096)
    profiles = []
    for state in states:
        variant = {"backend": "llamacpp", "path": str(weights)}
        if state is State.SLEEPING:
            variant = {"backend": "vllm", "path": str(counting)}
        limits = {"queue_timeout": "20s", "first_token_timeout": "60s", "total_timeout": "10m"}
        script = json.dumps(SCRIPTS[state])
        profiles.append(
            {
                "name": str(state),
                "variants": [variant],
                "context": 4096,
                "slots": 2,
                "args": {"script": script},
                "warm": COLD,
                "limits": limits,
            }
        )
    commands = {
        name: {"command": [sys.executable, str(ENGINES / f"scripted_{engine}.py")]}
        for name, engine in (("llamacpp", "engine"), ("vllm", "vllm"))
    }
    return write_files(folder, *profiles, backends=commands, **host)


def row(host: Host, state: State) -> dict[str, Any]:
    """Return what is shown of the model of *state*."""
    return host.row(str(state))


def bring(host: Host, state: State) -> psutil.Process | None:
    """Bring the model of *state* into it; return the process of its engine, if it has one then."""
    path = f"/hostd/v1/models/{state}"
    match state:
        case State.COLD:
            return None
        case State.FAILED:
            assert host.post(f"{path}/load").status >= 500
        case State.LOADING:
            host.post(f"{path}/load?wait=0")
            until(lambda: row(host, state)["pid"])
        case _:
            assert 200 == host.post(f"{path}/load").status
    if state is State.DRAINING:
        threading.Thread(target=_ask_for_long, args=(host, str(state)), daemon=True).start()
        until(lambda: row(host, state)["in_flight"])
    if state in (State.DRAINING, State.STOPPING):
        host.post(f"{path}/unload?wait=0")
    until(lambda: row(host, state)["state"] == state, 20)
    pid = row(host, state)["pid"]
    return psutil.Process(pid) if pid else None


def _ask_for_long(host: Host, model: str) -> None:
    with suppress(OSError, HTTPException):
        host.chat(model, stream=True, max_tokens=90_000)


@contextmanager
def daemon(folder: Path, config: Path, port: int | None = None) -> Iterator[Host]:
    """Run a daemon with the files at *config*."""
    with started(folder, "--config", str(config), "--log-format", "json", port=port) as host:
        yield host
