"""The clock of the machine is set, as after a boot without a battery or a pause of a virtual machine; only this daemon's is."""

import json
import shutil
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from pathlib import Path

import pytest

from hostd.domain.lifecycle import State
from hostd.telemetry.sqlite_file import ask
from tests.journeys.host import Reply, all_gone, started, until
from tests.journeys.states import files, row

SOURCE = Path(__file__).with_name("clock_shift.c")
YEAR = 365 * 86400


@pytest.fixture
def clock(tmp_path: Path) -> tuple[dict[str, str], Callable[[int], None]]:
    """The environment of a program whose clock can be set, and what sets it by seconds; skips where none can be made."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("setting one program's clock needs a C compiler (gcc) on Linux")
    library, shift = tmp_path / "clock_shift.so", tmp_path / "shift"
    subprocess.run([compiler, "-shared", "-fPIC", "-Wall", "-Werror", "-o", str(library), str(SOURCE)], check=True)
    shift.write_bytes(struct.pack("q", 0))

    def put(seconds: int) -> None:
        with shift.open("r+b") as file:
            file.write(struct.pack("q", seconds))

    return {"LD_PRELOAD": str(library), "CLOCK_SHIFT": str(shift)}, put


def test_records_outlive_a_boot_with_a_clock_far_ahead(
    tmp_path: Path, clock: tuple[dict[str, str], Callable[[int], None]]
) -> None:
    """What is too old by it is kept all the same: a clock that has jumped has to mean it for hours first."""
    environment, put = clock
    options = ("--config", str(files(tmp_path, State.READY)))
    names = []
    for shift in (0, 3 * YEAR):
        put(shift)
        with started(tmp_path, *options, environment=environment) as host:
            names.append(host.chat("ready").headers["x-request-id"])
            # In the file, and so is what was deleted with it.
            until(lambda: _recorded(tmp_path, names[-1]))
            assert 200 == host.get(f"/hostd/v1/requests/{names[0]}").status
            decided = host.get("/hostd/v1/why?model=ready&last=100").json["decisions"]
            assert len(names) <= sum(each["decision"] == "model_ready" for each in decided)


def _recorded(folder: Path, name: str) -> bool:
    database = folder / "state/hostd/ledger.sqlite"
    return bool(list(ask(database, "SELECT 1 FROM requests WHERE id = ?", name)))


def test_the_clock_is_set(tmp_path: Path, clock: tuple[dict[str, str], Callable[[int], None]]) -> None:
    """A year ahead and a year back: no answer is cut, no limit passes, no model is unloaded, and nothing is logged as a mistake.

    After a kill -9 at the wrong time the next daemon, at the right one, finds nothing left and serves.
    """
    environment, put = clock
    config = files(tmp_path, State.READY, State.DRAINING)
    answers: list[Reply] = []
    broken: list[str] = []
    options = ("--config", str(config), "--log-format", "json")
    with started(tmp_path, *options, environment=environment) as host:
        assert 200 == host.chat("ready").status

        def ask() -> None:
            try:
                answers.append(host.chat("draining", stream=True, max_tokens=100))
            except (OSError, HTTPException) as error:
                broken.append(repr(error))

        asking = threading.Thread(target=ask)
        asking.start()
        until(lambda: row(host, State.DRAINING)["in_flight"])
        pid = row(host, State.READY)["pid"]
        for shift in (YEAR, -YEAR, 0, 3 * YEAR):
            put(shift)
            assert 200 == host.chat("ready").status
            assert ("ready", pid) == (row(host, State.READY)["state"], row(host, State.READY)["pid"])
        told = parsedate_to_datetime(host.get("/healthz").headers["Date"]).timestamp()
        assert told > time.time() + 2 * YEAR
        asking.join(120)
        assert ([], False) == (broken, asking.is_alive()), host.output.read_text("utf-8")[-4000:]
        assert answers[0].body.endswith(b"data: [DONE]\n\n")
        lines = [json.loads(line) for line in host.output.read_text("utf-8").splitlines()]
        assert [] == [line for line in lines if line["level"] == "error"]
        engines = host.engines()
        host.process.kill()
        host.process.wait()
        until(lambda: all_gone(engines), 15)
    with started(tmp_path, *options) as host:
        assert 200 == host.chat("ready").status
        assert 200 == host.get("/hostd/v1/requests?last=5").status
