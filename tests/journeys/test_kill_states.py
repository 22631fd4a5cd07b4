"""kill -9 in each state of the lifecycle: of the engine, and of the daemon. A table in hostd/README.md says what is shown here."""

import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from hostd.domain.lifecycle import State
from tests.journeys.host import DEADLINE, Host, all_gone, until
from tests.journeys.states import ROOT, bring, daemon, files, row
from tests.journeys.test_sleep import asked, small

STATES = (State.COLD, State.LOADING, State.READY, State.DRAINING, State.STOPPING, State.FAILED)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A daemon with a model for each state."""
    folder = tmp_path_factory.mktemp("states")
    with daemon(folder, files(folder, *STATES)) as running:
        yield running


def killed(host: Host, state: State) -> int:
    """Kill the engine of the model of *state*, once it is there; return its pid."""
    engine = bring(host, state)
    assert engine is not None
    family = [engine, *engine.children(recursive=True)]
    engine.send_signal(signal.SIGKILL)
    until(lambda: all_gone(family), 10)
    return engine.pid


def test_an_engine_that_loads(host: Host) -> None:
    """The load has failed, with the signal as its reason; who waits is told 503 or 502, and the next request begins another."""
    pid = killed(host, State.LOADING)
    until(lambda: row(host, State.LOADING)["state"] == "failed", 10)
    assert "SIGKILL" in row(host, State.LOADING)["last_error"]
    host.post("/hostd/v1/models/loading/load?wait=0")
    until(lambda: row(host, State.LOADING)["pid"] not in (None, pid), 20)
    host.post("/hostd/v1/models/loading/unload")
    assert "cold" == row(host, State.LOADING)["state"]


def test_an_engine_that_is_ready(host: Host) -> None:
    """It is started again by itself within seconds, and the next request waits for that instead of failing."""
    pid = killed(host, State.READY)
    assert 200 == host.chat("ready").status
    now = row(host, State.READY)
    assert ("ready", 1) == (now["state"], now["restarts"])
    assert pid != now["pid"]


def test_an_engine_that_drains(host: Host) -> None:
    """The answer that it was to finish ends with an error event; the model is unloaded as was asked, and not started again."""
    assert 200 == host.post("/hostd/v1/models/draining/load").status
    connection = http.client.HTTPConnection(host.url.removeprefix("http://"), timeout=DEADLINE)
    said = {"model": "draining", "messages": [{"role": "user", "content": "x"}], "stream": True, "max_tokens": 90_000}
    connection.request("POST", "/v1/chat/completions", json.dumps(said))
    with closing(connection), connection.getresponse() as answer:
        begun = answer.read(1)
        host.post("/hostd/v1/models/draining/unload?wait=0")
        until(lambda: row(host, State.DRAINING)["state"] == "draining", 10)
        psutil.Process(row(host, State.DRAINING)["pid"]).kill()
        body = (begun + answer.read()).decode()
    assert "error" in json.loads(body.strip().split("\n\n")[-1].removeprefix("data: "))
    assert "[DONE]" not in body
    until(lambda: row(host, State.DRAINING)["state"] == "cold", 10)
    assert (None, 0) == (row(host, State.DRAINING)["pid"], row(host, State.DRAINING)["restarts"])


def test_an_engine_that_stops(host: Host) -> None:
    """What was waited for has happened: it is cold, without a failure."""
    killed(host, State.STOPPING)
    until(lambda: row(host, State.STOPPING)["state"] == "cold", 10)
    assert row(host, State.STOPPING)["last_error"] is None


def test_no_engine_is_there(host: Host) -> None:
    """Cold and failed models have no process that could be killed."""
    for state in (State.COLD, State.FAILED):
        assert bring(host, state) is None


async def test_an_engine_that_sleeps(tmp_path: Path) -> None:
    """It is loaded anew for the request that wakes it, whether its end has been noticed by then or not."""
    async with small(tmp_path, 1, {}, {}) as stage:
        await asked(stage, "a")
        await asked(stage, "b")
        assert State.SLEEPING is stage.model_state("a").state
        pid = stage.instance("a").pid
        psutil.Process(pid).kill()
        await asked(stage, "a")
        assert pid != stage.instance("a").pid


def test_the_daemon_with_a_model_in_each_state(tmp_path: Path) -> None:
    """Within seconds none of its processes is left, whatever they were doing.

    The next daemon on the same state and port serves at once, with every model cold.
    """
    config = files(tmp_path, *STATES)
    with daemon(tmp_path, config) as host:
        # What stops has only some seconds for it.
        order = sorted(STATES, key=lambda state: state is State.STOPPING)
        engines = [engine for state in order if (engine := bring(host, state)) is not None]
        states = {state: row(host, state)["state"] for state in STATES}
        assert {state: str(state) for state in STATES} == states
        family = [each for engine in engines for each in (engine, *engine.children(recursive=True))]
        reaper = psutil.Process(host.process.pid).children()
        host.process.kill()
        host.process.wait()
        until(lambda: all_gone([*family, *reaper]), 15)
        port = int(host.url.rpartition(":")[2])
    with daemon(tmp_path, config, port) as host:
        assert dict.fromkeys(STATES, "cold") == {state: row(host, state)["state"] for state in STATES}
        assert 200 == host.chat("ready").status
        host.process.terminate()
        assert 0 == host.process.wait(30)


_ASLEEP = """
import asyncio, pathlib, sys
from tests.journeys.test_sleep import asked, small
async def main():
    async with small(pathlib.Path(sys.argv[1]), 1, {}, {}) as stage:
        await asked(stage, "a"); await asked(stage, "b")
        print("STATE", stage.model_state("a").state, stage.instance("a").pid, stage.instance("b").pid, flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


def test_the_daemon_with_a_model_that_sleeps(tmp_path: Path) -> None:
    """A sleeping engine ends with its daemon as any other does."""
    argv = [sys.executable, "-c", _ASLEEP, str(tmp_path)]
    more: dict[str, Any] = {"cwd": ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(argv, **more) as process:
        try:
            assert process.stdout is not None
            _, state, *pids = next(line for line in process.stdout if line.startswith("STATE")).split()
            assert "sleeping" == state
            family = [
                each
                for pid in pids
                for each in (psutil.Process(int(pid)), *psutil.Process(int(pid)).children(recursive=True))
            ]
        finally:
            process.kill()
    until(lambda: all_gone(family), 15)
