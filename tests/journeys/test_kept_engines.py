"""Restarts of the real daemon whose engines outlive it: the next one goes on with them, or ends them."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.journeys.host import Host, all_gone, profile, run, started, until, write_files

KEEP = "--keep-engines"


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Host]:
    """Run a daemon on what is written in *folder*; every model has settled when this yields."""
    with started(folder, "--config", str(folder / "hostd.yaml"), *options) as host:
        until(lambda: host.get("/readyz").status == 200)
        yield host


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with two models in its settings; what a failing test leaves running is ended by the next start, as for any owner."""
    write_files(tmp_path, profile("chat"), profile("story", "tiny-story.gguf"))
    yield tmp_path
    with serving(tmp_path):
        pass
    assert [] == [path for path in (tmp_path / "state/hostd/engines").iterdir() if path.suffix == ".json"]


def stop(host: Host, *, hard: bool = False) -> None:
    """End the daemon, by SIGTERM or *hard*."""
    (host.process.kill if hard else host.process.terminate)()
    assert (-9 if hard else 0) == host.process.wait(60)


def loads(host: Host, model: str) -> list[dict[str, Any]]:
    """Return the loads of *model* since the daemon's start."""
    told = host.decisions("load_started", model=model)
    return [each for each in told if datetime.fromisoformat(each["at"]) >= host.began]


@pytest.mark.parametrize("hard", [False, True], ids=["asked", "killed"])
def test_warm_models_serve_at_once_after_a_restart(hard: bool, folder: Path, say: Any) -> None:
    """The engines of before answer, with the pids and the memory of before; nothing is loaded, nobody else can read their keys."""
    with serving(folder, KEEP) as host:
        pids = {name: host.row(name)["pid"] for name in ("chat", "story")}
        assert 200 == host.chat("chat").status
        records = list((folder / "state/hostd/engines").glob("*.json"))
        assert {0o600} == {record.stat().st_mode & 0o777 for record in records}
        key = json.loads(records[0].read_text("utf-8"))["kept"]["key"]
        began = time.monotonic()
        stop(host, hard=hard)
    assert all(psutil.pid_exists(pid) for pid in pids.values())
    with started(folder, "--config", str(folder / "hostd.yaml"), KEEP) as host:
        answer = host.chat("chat")
        say("restart", f"first answer {time.monotonic() - began:.1f} s after the daemon was told to stop")
        assert 200 == answer.status
        until(lambda: host.get("/readyz").status == 200)
        assert pids == {name: host.row(name)["pid"] for name in pids}
        assert [] == loads(host, "chat") + loads(host, "story")
        assert {"chat", "story"} == {each["model"] for each in host.decisions("adopted")}
        told = host.get("/hostd/v1/plan").json
        assert {"chat", "story"} == told["held"].keys()
        for each in told["warm_set"]:
            assert told["held"][each["model"]]["ram"] >= each["pool_bytes"]["ram"]
        # What its engines log from now on is read, too.
        assert 200 == host.chat("story").status
        until(lambda: "slot" in host.cli("logs", "story").stdout)
        argv = " ".join(word for pid in pids.values() for word in psutil.Process(pid).cmdline())
        assert key not in argv + host.output.read_text("utf-8", "replace")


def test_what_no_longer_fits_the_settings_is_ended(folder: Path) -> None:
    """A changed profile gets a new engine, a removed one none; the log says why."""
    with serving(folder, KEEP) as host:
        old = host.engines()
        stop(host)
    for file in (folder / "model_profiles").iterdir():
        file.unlink()
    write_files(folder, profile("chat", args={"threads": 2}))
    with serving(folder, KEEP) as host:
        assert all_gone(old)
        assert 200 == host.chat("chat").status
        assert 1 == len(loads(host, "chat"))
        log = host.output.read_text("utf-8")
        assert "it was launched by other settings" in log
        assert "there is no model 'story' any more" in log


def test_one_that_is_not_well_is_replaced(folder: Path) -> None:
    """An engine that makes no token within some seconds is ended, and another one answers."""
    with serving(folder, KEEP) as host:
        old = psutil.Process(host.row("chat")["pid"])
        stop(host)
    old.suspend()
    with serving(folder, KEEP) as host:
        assert all_gone([old])
        assert 200 == host.chat("chat").status
        assert "it made no token within" in host.output.read_text("utf-8")


def test_nothing_is_left_where_it_is_not_asked_for(folder: Path) -> None:
    """Without the option a daemon leaves nothing, and ends what an earlier one left."""
    with serving(folder, KEEP) as host:
        old = host.engines()
        stop(host)
    assert not all_gone(old)
    with serving(folder) as host:
        assert all_gone(old)
        new = host.engines()
        stop(host, hard=True)
    until(lambda: all_gone(new), 10)


def test_another_program_with_the_pid_is_left_alone(folder: Path) -> None:
    """A record whose engine is gone makes nobody kill the process that has its number now."""
    with serving(folder, KEEP) as host:
        old = host.engines()
        stop(host)
    for engine in old:
        engine.kill()
    until(lambda: all_gone(old))
    for path in (folder / "state/hostd/engines").glob("*.json"):
        record = json.loads(path.read_text("utf-8"))
        # This very process: were it taken for the engine, the tests would end here.
        path.write_text(json.dumps(record | {"pid": os.getpid()}), "utf-8")
    with serving(folder, KEEP) as host:
        assert 200 == host.chat("chat").status
        assert 1 == len(loads(host, "chat"))
    assert run(host.environment, "version").returncode == 0
