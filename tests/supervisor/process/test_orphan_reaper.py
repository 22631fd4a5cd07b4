"""No engine outlives its daemon."""

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from structlog.testing import capture_logs

from hostd.supervisor.process.engine_records import KeptLaunch, read_all
from hostd.supervisor.process.leftovers import ReapedEngine, reap_leftovers
from hostd.supervisor.process.orphan_reaper import OrphanReaper
from hostd.supervisor.process.process_identity import boot_id, start_of

DAEMON = """
import asyncio, resource, sys
from pathlib import Path
from hostd.supervisor.process.log_ring import LogRing
from hostd.supervisor.process.engine_process import EngineProcess
from hostd.supervisor.process.orphan_reaper import OrphanReaper

PLAIN = "import signal; signal.signal(15, signal.SIG_IGN)\\nwhile True: signal.pause()"
RUNAWAY = '''
import os, signal
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    print(os.getpid(), flush=True)
    while True: signal.pause()
signal.pause()
'''

async def main():
    if "full" in sys.argv:
        # No file can grow, as on a full disk: the system says so where a byte is to be written, not where the file is made.
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    reaper = OrphanReaper(Path(sys.argv[1]))
    await reaper.start()
    ring = LogRing()
    pids = [reaper.pid]
    for code in (PLAIN, RUNAWAY):
        argv = (sys.executable, "-I", "-S", "-c", code)
        pids.append((await EngineProcess.spawn(argv, {}, ring=ring, reaper=reaper, model="demo")).pid)
    async for line in ring.follow(10):
        print(*pids, line, flush=True)

asyncio.run(main())
"""
SLEEPER = (sys.executable, "-I", "-S", "-c", "import signal; print(flush=True); signal.pause()")


def alive(pid: int) -> bool:
    """Return whether *pid* runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def started(process: psutil.Process) -> str:
    """Return when *process* began, as the reaper wants to know it."""
    return start_of(process.pid) or ""


def wait_until(condition: Callable[[], bool], seconds: float) -> float:
    """Return how long it took until *condition* held; fail when it did not within *seconds*."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds
        time.sleep(0.005)
    return time.monotonic() - began


@pytest.fixture(params=[""])
def daemon(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """A process that owns a reaper and two engines, one of which has a runaway child: the pids in this order."""
    argv = (sys.executable, "-c", DAEMON, str(tmp_path), request.param)
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        yield process, pids
        process.kill()
        for pid in pids:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def bystander() -> Iterator[psutil.Process]:
    """A process in a session of its own that has nothing to do with anything."""
    with subprocess.Popen(SLEEPER, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield psutil.Process(process.pid)
        process.kill()


@pytest.fixture
async def reaper(tmp_path: Path) -> AsyncIterator[OrphanReaper]:
    """A running reaper of this process."""
    reaper = OrphanReaper(tmp_path)
    await reaper.start()
    yield reaper
    await reaper.close()


KEPT = KeptLaunch("/run/engine.sock", "key", "digest", "llamacpp:a", "/state/output-1")


class TestDaemonKilled:
    """What happens after `kill -9` of a daemon."""

    def test_its_engines_have_ended_within_two_seconds(
        self, daemon: tuple[subprocess.Popen[bytes], list[int]], tmp_path: Path
    ) -> None:
        """Both engines, the runaway child and the reaper itself end, and the next start only tidies the records."""
        process, pids = daemon
        assert all(alive(pid) for pid in pids)
        process.kill()
        wait_until(lambda: not any(alive(pid) for pid in pids), 2)
        process.wait()
        assert 2 == len(list(tmp_path.glob("*.json")))
        assert [] == reap_leftovers(tmp_path)
        assert [] == list(tmp_path.iterdir())

    def test_a_signal_to_its_whole_group_does_not_disarm_the_reaper(
        self, daemon: tuple[subprocess.Popen[bytes], list[int]]
    ) -> None:
        """The reaper ignores polite signals and ends only when the daemon does."""
        process, pids = daemon
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(pids[0], number)
        process.send_signal(signal.SIGSTOP)
        assert all(alive(pid) for pid in pids)
        process.kill()
        wait_until(lambda: not any(alive(pid) for pid in pids), 20)

    def test_the_next_start_reaps_what_the_reaper_could_not(
        self, daemon: tuple[subprocess.Popen[bytes], list[int]], tmp_path: Path
    ) -> None:
        """When the reaper died together with the daemon, the records on disk are enough to end the engines."""
        process, (child, plain, family, runaway) = daemon
        process.send_signal(signal.SIGSTOP)
        os.kill(child, signal.SIGKILL)
        process.kill()
        process.wait()
        assert all(alive(pid) for pid in (plain, family, runaway))
        ended_engine = sorted(reap_leftovers(tmp_path), key=lambda one: len(one.killed))
        expected = [
            ReapedEngine("demo", plain, (plain,), ()),
            ReapedEngine("demo", family, tuple(sorted((family, runaway))), ()),
        ]
        assert expected == ended_engine
        assert not any(alive(pid) for pid in (plain, family, runaway))
        assert [] == list(tmp_path.iterdir())

    def test_the_next_start_reaps_what_was_never_recorded(
        self, daemon: tuple[subprocess.Popen[bytes], list[int]], tmp_path: Path
    ) -> None:
        """When no record could be written either, the marks that the engines carry are enough."""
        process, (child, plain, family, runaway) = daemon
        for path in tmp_path.iterdir():
            path.unlink()
        process.send_signal(signal.SIGSTOP)
        assert [] == reap_leftovers(tmp_path)
        assert all(alive(pid) for pid in (plain, family, runaway))
        os.kill(child, signal.SIGKILL)
        # Not waited for: a daemon that is a zombie has ended, too.
        process.kill()
        wait_until(lambda: not alive(process.pid), 5)
        killed = [pid for one in reap_leftovers(tmp_path) for pid in one.killed]
        assert sorted((plain, family, runaway)) == sorted(killed)
        assert not any(alive(pid) for pid in (plain, family, runaway))

    @pytest.mark.parametrize("daemon", ["full"], indirect=True)
    def test_the_next_start_reaps_what_a_full_disk_could_not_take(
        self, daemon: tuple[subprocess.Popen[bytes], list[int]], tmp_path: Path
    ) -> None:
        """No record was written, and no part of one is left; the marks are enough."""
        process, (child, plain, family, runaway) = daemon
        assert [] == list(tmp_path.iterdir())
        process.send_signal(signal.SIGSTOP)
        os.kill(child, signal.SIGKILL)
        process.kill()
        process.wait()
        killed = [pid for one in reap_leftovers(tmp_path) for pid in one.killed]
        assert sorted((plain, family, runaway)) == sorted(killed)
        assert not any(alive(pid) for pid in (plain, family, runaway))


@contextmanager
def no_file_grows() -> Iterator[None]:
    """Let this process write no byte to a file, as on a full disk; pipes and sockets go on."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


class TestReaper:
    """The daemon's side."""

    async def test_a_signal_that_comes_at_once_does_not_disarm_it(
        self, reaper: OrphanReaper, bystander: psutil.Process
    ) -> None:
        """Before its program has begun to run, too: a busy machine may take seconds over that."""
        first = reaper.pid
        assert first is not None
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            os.kill(first, number)
        reaper.watch(bystander.pid, started(bystander), "none", "engine", "demo")
        await asyncio.sleep(0.2)
        assert first == reaper.pid
        await reaper.close()
        wait_until(lambda: not alive(bystander.pid), 20)

    async def test_a_dead_child_is_replaced_and_told_everything_again(
        self, tmp_path: Path, bystander: psutil.Process
    ) -> None:
        """After `kill -9` of the reaper's child, the next one guards the same engines."""
        reaper = OrphanReaper(tmp_path)
        await reaper.start()
        reaper.watch(bystander.pid, started(bystander), "none", "engine", "demo")
        first = reaper.pid
        assert first is not None
        assert f"<Reaper pid {first}, watching 1>" == repr(reaper)
        os.kill(first, signal.SIGKILL)
        await asyncio.to_thread(wait_until, lambda: reaper.pid not in (None, first), 5)
        await reaper.close()
        assert "<Reaper not running, watching 1>" == repr(reaper)
        wait_until(lambda: not alive(bystander.pid), 20)

    async def test_what_was_forgotten_is_left_alone(self, reaper: OrphanReaper, bystander: psutil.Process) -> None:
        """An engine that ended is not killed again, and its record is gone."""
        reaper.watch(bystander.pid, started(bystander), "none", "engine", "demo")
        reaper.forget(bystander.pid)
        reaper.forget(bystander.pid)
        assert [] == list(reaper.directory.iterdir())
        await reaper.close()
        assert alive(bystander.pid)

    async def test_writes_what_the_next_start_needs(
        self, reaper: OrphanReaper, bystander: psutil.Process, tmp_path: Path
    ) -> None:
        """The record names the engine, its daemon and the model."""
        reaper.watch(bystander.pid, started(bystander), "mark", "engine", "demo")
        expected = {
            "pid": bystander.pid,
            "start": started(bystander),
            "boot": boot_id(),
            "mark": "mark",
            "daemon_pid": os.getpid(),
            "daemon_start": start_of(os.getpid()),
            "argv0": "engine",
            "model": "demo",
            "kept": None,
        }
        assert expected == json.loads((tmp_path / f"engine-{bystander.pid}.json").read_text())
        reaper.forget(bystander.pid)

    async def test_what_is_kept_outlives_the_daemon(self, reaper: OrphanReaper, bystander: psutil.Process) -> None:
        """Once it is recorded for the next daemon, it is neither killed nor forgotten, even by a child that was replaced."""
        reaper.watch(bystander.pid, started(bystander), "none", "engine", "demo")
        assert reaper.keep(bystander.pid, KEPT)
        first = reaper.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await asyncio.to_thread(wait_until, lambda: reaper.pid not in (None, first), 5)
        await reaper.close()
        assert alive(bystander.pid)
        assert [KEPT] == [record.kept for _, record in read_all(reaper.directory)]

    async def test_what_cannot_be_recorded_is_not_kept(self, reaper: OrphanReaper, bystander: psutil.Process) -> None:
        """No daemon would find it again, so it ends with this one."""
        (reaper.directory / f"engine-{bystander.pid}.json").mkdir()
        reaper.watch(bystander.pid, started(bystander), "none", "engine", "demo")
        assert not reaper.keep(bystander.pid, KEPT)
        await reaper.close()
        wait_until(lambda: not alive(bystander.pid), 20)

    async def test_a_record_that_cannot_be_written_leaves_nothing_behind(
        self, reaper: OrphanReaper, bystander: psutil.Process, tmp_path: Path
    ) -> None:
        """The engine is watched all the same, and no draft piles up."""
        in_its_place = tmp_path / f"engine-{bystander.pid}.json"
        in_its_place.mkdir()
        reaper.watch(bystander.pid, started(bystander), "none", "engine", "demo")
        assert [in_its_place.name] == os.listdir(tmp_path)  # noqa: PTH208 - one call, which waits for nothing
        await reaper.close()
        wait_until(lambda: not alive(bystander.pid), 20)

    async def test_a_record_that_a_full_disk_cannot_take_is_told(
        self, reaper: OrphanReaper, bystander: psutil.Process, tmp_path: Path
    ) -> None:
        """With its path and the reason; nothing of it is left, and the engine ends with the daemon all the same."""
        with capture_logs() as logged, no_file_grows():
            reaper.watch(bystander.pid, started(bystander), "none", "engine", "demo")
        (told,) = logged
        assert ("engine_record_not_written", str(tmp_path / f"engine-{bystander.pid}.json")) == (
            told["event"],
            told["path"],
        )
        assert [] == os.listdir(tmp_path)  # noqa: PTH208 - as above
        await reaper.close()
        wait_until(lambda: not alive(bystander.pid), 20)

    async def test_a_disk_that_was_full_before_is_told_of_once(self, tmp_path: Path, bystander: psutil.Process) -> None:
        """By the lock on the state folder, at the start; each engine's record does not say it again."""
        reaper = OrphanReaper(tmp_path / "engines")
        with capture_logs() as logged, no_file_grows():
            await reaper.start()
            reaper.watch(bystander.pid, started(bystander), "none", "engine", "demo")
        assert ([], []) == (logged, os.listdir(tmp_path / "engines"))  # noqa: PTH208 - as above
        await reaper.close()
        wait_until(lambda: not alive(bystander.pid), 20)

    async def test_starts_without_a_folder(self, tmp_path: Path, bystander: psutil.Process) -> None:
        """Where the folder cannot be made, engines still end with the daemon."""
        (tmp_path / "file").write_text("in the way")
        reaper = OrphanReaper(tmp_path / "file" / "engines")
        await reaper.start()
        reaper.watch(bystander.pid, started(bystander), "none", "engine", "demo")
        await reaper.close()
        wait_until(lambda: not alive(bystander.pid), 20)
