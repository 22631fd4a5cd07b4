"""The state folder breaks: what is served goes on, what can be kept is kept, and the owner is told once."""

import json
import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.chaos import fill, small_disk
from tests.journeys.host import Host, profile, started, until, write_files

needs_root = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="takes root, and mount")


def ledger(folder: Path) -> Path:
    """Return the file of records of the daemon whose home *folder* is."""
    return folder / "state/hostd/ledger.sqlite"


def spoil(folder: Path) -> None:
    """Leave a file that is no database."""
    ledger(folder).parent.mkdir(parents=True)
    ledger(folder).write_bytes(b"no database" * 1000)


def from_the_future(folder: Path) -> None:
    """Leave a database of a later hostd's."""
    ledger(folder).parent.mkdir(parents=True)
    with closing(sqlite3.connect(ledger(folder))) as later:
        later.executescript("CREATE TABLE requests (what TEXT); PRAGMA user_version = 99")


def a_folder(folder: Path) -> None:
    """Leave a folder in the file's place."""
    ledger(folder).mkdir(parents=True)


def a_file(folder: Path) -> None:
    """Leave a file in the folder's place."""
    (folder / "state").write_text("", "utf-8")


@contextmanager
def serving_in(folder: Path, *, ready: bool = True) -> Iterator[Host]:
    """Run a daemon with one real model, whose log is JSON."""
    with started(folder, "--config", str(write_files(folder, profile("chat"))), "--log-format", "json") as host:
        if ready:
            until(lambda: host.get("/readyz").status == 200)
        yield host


def warnings(host: Host) -> list[dict[str, Any]]:
    """Return what the log warns of that has to do with state."""
    lines = [json.loads(line) for line in host.output.read_text("utf-8").splitlines()]
    return [line for line in lines if line["level"] == "warning" and line["event"].startswith(("state_", "records_"))]


def serves(host: Host) -> None:
    """Check that requests are answered, and that the last ones can be asked for, wherever they are kept."""
    names = [host.chat("chat", max_tokens=2).headers["x-request-id"] for _ in range(2)]
    past = [each["id"] for each in host.get("/hostd/v1/requests?last=2").json["past"]]
    assert sorted(names) == sorted(past)
    assert 200 == host.get(f"/hostd/v1/requests/{names[0]}").status


def test_what_was_learnt_and_decided_outlives_the_daemon(tmp_path: Path) -> None:
    """``why`` tells of a model and of each request as before, and speeds are known before the first answer; by kill -9, too."""
    with serving_in(tmp_path) as host:
        name = host.chat("chat", " ".join(["word"] * 100), max_tokens=16).headers["x-request-id"]
        before = host.get("/hostd/v1/why?model=chat").json["decisions"]
        speed = host.row("chat")["speed"]
        assert speed["ttft_ms"]
        host.process.terminate()
        assert 0 == host.process.wait(30)
    with serving_in(tmp_path) as host:
        until(lambda: host.row("chat")["speed"] == speed)
        now = host.get("/hostd/v1/why?model=chat&last=100").json["decisions"]
        assert before == now[: len(before)]
        assert "model_ready" in {told["decision"] for told in before}
        (routed,) = host.get(f"/hostd/v1/why?request={name}").json["decisions"]
        assert ("routed", "chat", "answered") == (routed["decision"], routed["model"], routed["outcome"])
        assert "'chat' answers [asked for chat; after" in host.cli("why", name).stdout
        host.process.kill()
        host.process.wait()
    with serving_in(tmp_path) as host:
        assert now == host.get("/hostd/v1/why?model=chat&last=100").json["decisions"][: len(now)]


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (spoil, "records_set_aside"),
        (from_the_future, "records_not_kept"),
        (a_folder, "records_not_kept"),
        (a_file, "state_not_kept"),
    ],
)
def test_a_database_that_cannot_be_used(tmp_path: Path, harm: Callable[[Path], None], told: str) -> None:
    """A spoilt one is set aside and a new one begun; a later hostd's is left as it is, and said; requests are kept in memory."""
    harm(tmp_path)
    before = ledger(tmp_path).read_bytes() if harm is from_the_future else b""
    with serving_in(tmp_path) as host:
        serves(host)
        until(lambda: [told] == [line["event"] for line in warnings(host)])
        if harm is from_the_future:
            assert "version 99" in str(warnings(host))
            assert "state/hostd/ledger.sqlite" in str(warnings(host))
        host.process.terminate()
        assert 0 == host.process.wait(30)
    if harm is from_the_future:
        assert before == ledger(tmp_path).read_bytes()
    if harm is spoil:
        assert [b"no database" * 1000] == [path.read_bytes() for path in ledger(tmp_path).parent.glob("*.spoilt-*")]


def test_a_database_that_is_broken_while_it_is_used(tmp_path: Path) -> None:
    """Bytes are written over it: it is set aside with the next record, nothing of the last is lost, and serving never stops."""
    with serving_in(tmp_path) as host:
        serves(host)
        until(lambda: ledger(tmp_path).exists() and host.get("/hostd/v1/requests?last=2").json["past"])
        for part in ("", "-wal"):
            path = ledger(tmp_path).with_name(f"ledger.sqlite{part}")
            path.write_bytes(os.urandom(max(4096, path.stat().st_size)))
        served = [host.chat("chat", max_tokens=2).headers["x-request-id"] for _ in range(3)]
        assert 200 == host.get(f"/hostd/v1/requests/{served[0]}").status
        serves(host)
        until(lambda: ["records_set_aside"] == [line["event"] for line in warnings(host)])
        until(lambda: _rows(tmp_path) >= 7)
        assert {*served} <= {each["id"] for each in host.get("/hostd/v1/requests?last=9").json["past"]}


@needs_root
def test_a_full_disk(tmp_path: Path) -> None:
    """From the start and in the middle of serving: nothing is lost but old records, and once there is room all is written again."""
    with small_disk(tmp_path / "state") as mounted:
        assert mounted
        filler = fill(tmp_path / "state")
        with serving_in(tmp_path) as host:
            serves(host)
            assert {"state_not_kept"} == {line["event"] for line in warnings(host)}
            filler.unlink()
            until(lambda: "records_kept_again" in {line["event"] for line in warnings(host)} or _rows(tmp_path) >= 2)
            fill(tmp_path / "state")
            for _ in range(3):
                assert 200 == host.chat("chat", max_tokens=2).status
            filler.unlink()
            host.process.terminate()
            assert 0 == host.process.wait(30)
        assert _rows(tmp_path) >= 2


def _rows(folder: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{ledger(folder)}?mode=ro", uri=True)) as found:
            return int(found.execute("SELECT count(*) FROM requests").fetchone()[0])
    except sqlite3.Error:
        return 0


@needs_root
def test_a_disk_that_becomes_read_only(tmp_path: Path) -> None:
    """As a file system does after an error: what was kept is still shown, what comes is kept in memory, and it is said once."""
    state = tmp_path / "state"
    with small_disk(state) as mounted:
        assert mounted
        with serving_in(tmp_path) as host:
            first = host.chat("chat", max_tokens=2).headers["x-request-id"]
            until(lambda: _rows(tmp_path) == 1)
            # Open files keep their right to write, and so does a remount wait for them: a second mount over it is what is left.
            subprocess.run(["mount", "--bind", str(state), str(state)], check=True)
            try:
                subprocess.run(["mount", "-o", "remount,bind,ro", str(state)], check=True)
                serves(host)
                assert 200 == host.get(f"/hostd/v1/requests/{first}").status
            finally:
                subprocess.run(["umount", "--lazy", str(state)], check=True)
        with serving_in(tmp_path) as host:
            assert 200 == host.get(f"/hostd/v1/requests/{first}").status


def test_files_that_may_not_grow(tmp_path: Path) -> None:
    """A limit of the system's on the size of files ends programs by a signal that they do not expect; this one serves on."""
    with serving_in(tmp_path, ready=False) as host:
        until(lambda: host.get("/readyz").status == 200)
        resource.prlimit(host.process.pid, resource.RLIMIT_FSIZE, (8192, 8192))
        serves(host)
        for _ in range(20):
            assert 200 == host.chat("chat", max_tokens=1).status
        assert host.process.poll() is None
