"""The next start ends what an earlier daemon left, and nothing else."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from hostd.supervisor.engine_family import ENV_MARKER
from hostd.supervisor.process import process_identity
from hostd.supervisor.process.engine_records import Mark, folder_id, pid_namespace
from hostd.supervisor.process.leftovers import end_recorded, find_kept, reap_leftovers
from hostd.supervisor.process.process_identity import boot_id, start_of

SLEEPER = (sys.executable, "-I", "-S", "-c", "import signal; print(flush=True); signal.pause()")


def sleeper(mark: str = "") -> "subprocess.Popen[bytes]":
    """Return a process in a session of its own, in whose environment *mark* is."""
    env = {ENV_MARKER: mark} if mark else {}
    process = subprocess.Popen(SLEEPER, env=env, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    process.stdout.readline()
    return process


@pytest.fixture
def bystander() -> Iterator[psutil.Process]:
    """A process that has nothing to do with anything."""
    with sleeper() as process:
        yield psutil.Process(process.pid)
        process.kill()


def record(folder: Path, **changes: object) -> Path:
    """Write a record of an engine whose daemon ended long ago."""
    fields: dict[str, object] = {
        "pid": 1 << 22,
        "start": "1",
        "boot": boot_id(),
        "mark": "none",
        "daemon_pid": os.getpid(),
        "daemon_start": "1",
        "argv0": "engine",
        "model": "demo",
    }
    path = folder / "engine-1.json"
    path.write_text(json.dumps(fields | changes))
    return path


def test_leaves_the_engines_of_a_living_daemon_alone(tmp_path: Path, bystander: psutil.Process) -> None:
    """A second hostd with the same folder does not kill the first one's engines."""
    path = record(tmp_path, pid=bystander.pid, start=start_of(bystander.pid), daemon_start=start_of(os.getpid()))
    assert [] == reap_leftovers(tmp_path)
    assert path.exists()
    assert bystander.is_running()


def test_spares_the_next_program_with_the_pid(tmp_path: Path, bystander: psutil.Process) -> None:
    """A process that began at another time than the record says is not touched, and the record goes."""
    path = record(tmp_path, pid=bystander.pid, start="1")
    assert [] == reap_leftovers(tmp_path)
    assert bystander.is_running()
    assert not path.exists()


def test_what_was_kept_is_found_and_left_alone(tmp_path: Path) -> None:
    """Only the very process that was recorded: of this boot, with that start and that mark, and of a daemon that is gone."""
    mark = str(Mark(os.getpid(), "1", pid_namespace(), folder_id(tmp_path), "x-1"))
    kept = {
        "address": "1",
        "key": "k",
        "digest": "d",
        "variant": "v",
        "output": str(tmp_path / "output-1"),
        "shares": None,
    }
    with sleeper(mark) as process:
        true = {"pid": process.pid, "start": start_of(process.pid), "mark": mark, "kept": kept}
        changes: tuple[dict[str, object], ...] = (
            {"boot": "another"}, {"start": "1"}, {"mark": mark + "1"}, {"kept": None},
            {"daemon_start": start_of(os.getpid())},
        )  # fmt: skip
        for changed in changes:
            record(tmp_path, **(true | changed))
            assert [] == find_kept(tmp_path)
        path = record(tmp_path, **true)
        found = find_kept(tmp_path)
        assert [process.pid] == [each.pid for each in found]
        assert [] == reap_leftovers(tmp_path, found)
        assert (None, True) == (process.poll(), path.exists())
        assert (process.pid,) == end_recorded(tmp_path, found[0]).killed
        assert -signal.SIGKILL == process.wait(5)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"pid": 1}', b"\xff\xfe", b"null", b"[" * 100_000, b" " * 100_000 + b"{}"],
    ids=["empty", "torn", "list", "incomplete", "binary", "null", "deep", "long"],
)
def test_removes_records_that_make_no_sense(content: bytes, tmp_path: Path) -> None:
    """A file torn by a crash hinders nothing."""
    path = tmp_path / "engine-7.json"
    path.write_bytes(content)
    assert [] == reap_leftovers(tmp_path)
    assert not path.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"pid": 0},
        {"pid": 1},
        {"pid": -1},
        {"pid": 1 << 80},
        {"pid": "x"},
        {"mark": None},
        {"mark": ""},
        {"start": 7},
        {"boot": None},
        {"daemon_pid": True},
    ],
)
def test_removes_records_with_impossible_values(changes: dict[str, object], tmp_path: Path) -> None:
    """A value that could mean other programs' processes, or all of them, is never used."""
    path = record(tmp_path, **changes)
    assert [] == reap_leftovers(tmp_path)
    assert not path.exists()


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    """The first start of all has no records."""
    assert [] == reap_leftovers(tmp_path / "none")


def test_ends_the_engine_of_a_record(tmp_path: Path, bystander: psutil.Process) -> None:
    """Its daemon is gone and the process is the one that was recorded."""
    record(tmp_path, pid=bystander.pid, start=start_of(bystander.pid))
    assert [(bystander.pid,)] == [one.killed for one in reap_leftovers(tmp_path)]
    assert [] == list(tmp_path.iterdir())


def test_what_an_earlier_boot_started_is_gone(tmp_path: Path, bystander: psutil.Process) -> None:
    """After a restart of the machine, the same pid with the same start is another program."""
    path = record(tmp_path, pid=bystander.pid, start=start_of(bystander.pid), boot="an earlier one")
    assert [] == reap_leftovers(tmp_path)
    assert bystander.is_running()
    assert not path.exists()


def test_the_clock_does_not_matter(tmp_path: Path, bystander: psutil.Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that was set moves the boot time of the system, and with it every start as a date, but no identity."""
    if sys.platform == "linux":
        import psutil._pslinux as linux  # noqa: PLC0415 - its boot time is what moves with the clock

        real = linux.boot_time()
        monkeypatch.setattr(linux, "boot_time", lambda: real + 3600.0)
    path = record(tmp_path, pid=bystander.pid, start=start_of(bystander.pid), daemon_start=start_of(os.getpid()))
    assert [] == reap_leftovers(tmp_path)
    assert bystander.is_running()
    assert path.exists()


@pytest.mark.parametrize("name", ["engine-1.json", "engine-1.tmp"])
@pytest.mark.parametrize("kind", ["folder", "full folder", "pipe", "loop", "device"])
def test_nothing_by_a_records_name_hinders_the_start(kind: str, name: str, tmp_path: Path) -> None:
    """Whatever lies there is removed or left, but neither waited for nor tripped over."""
    path = tmp_path / name
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "loop":
            path.symlink_to(path)
        case "device":
            path.symlink_to("/dev/zero")
        case _:
            path.mkdir()
            if kind == "full folder":
                (path / "file").touch()
    assert [] == reap_leftovers(tmp_path)


def test_drafts_of_an_interrupted_daemon_are_removed(tmp_path: Path) -> None:
    """What was written and never renamed does not pile up."""
    (tmp_path / "engine-7.tmp").touch()
    assert [] == reap_leftovers(tmp_path)
    assert [] == list(tmp_path.iterdir())


class TestMarks:
    """Engines without a record."""

    def test_an_engine_whose_daemon_is_gone_is_ended(self, tmp_path: Path) -> None:
        """The mark names a process that is not there any more."""
        with sleeper(str(Mark(os.getpid(), "1", pid_namespace(), folder_id(tmp_path), "t-1"))) as engine:
            assert [(engine.pid,)] == [one.killed for one in reap_leftovers(tmp_path) if one.pid == engine.pid]

    @pytest.mark.parametrize("why", ["its daemon runs", "another container", "another state folder"])
    def test_an_engine_that_may_be_in_use_lives(self, why: str, tmp_path: Path) -> None:
        """Its daemon runs, has a pid that means another process here, or the next daemon of its own folder will end it."""
        mark = Mark(
            os.getpid(),
            start_of(os.getpid()) or "" if why == "its daemon runs" else "1",
            "0" if why == "another container" else pid_namespace(),
            folder_id(tmp_path / "other" if why == "another state folder" else tmp_path),
            "t-1",
        )
        with sleeper(str(mark)) as engine:
            assert [] == [one for one in reap_leftovers(tmp_path) if one.pid == engine.pid]
            assert engine.poll() is None
            engine.kill()

    @pytest.mark.parametrize("mark", ["", "m-1", "1:2:3:4", "x:1:2:3:4", "::::", "1:2:3:4:5:6"])
    def test_a_mark_that_is_none_of_ours_means_nothing(self, mark: str) -> None:
        """Only a mark that names a daemon can say that the daemon is gone."""
        assert Mark.parse(mark) is None

    def test_a_mark_reads_as_it_is_written(self) -> None:
        """What a daemon writes into an environment, the next one understands."""
        mark = Mark(7, "123", "4026531836", "0a1b", "abc-1")
        assert mark == Mark.parse(str(mark))


def test_a_start_that_cannot_be_told_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pid that no process has is neither the same nor another."""
    assert process_identity.is_same(1 << 22, "1") is None
