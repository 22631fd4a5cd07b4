"""Engines are started cleanly, read to the last word, and ended with everything that belongs to them."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from hostd.domain.errors import EngineError
from hostd.domain.reason import ExitClass
from hostd.supervisor.engine_family import ENV_MARKER
from hostd.supervisor.process.engine_process import EngineProcess, StopOutcome
from hostd.supervisor.process.log_ring import LogRing
from hostd.supervisor.process.orphan_reaper import OrphanReaper
from hostd.supervisor.process.process_identity import start_of

PYTHON = (sys.executable, "-I", "-S", "-u", "-c")
SLEEPER = "import os, signal; print(os.getpid()); signal.pause()"
STUBBORN = "import os, signal, time; signal.signal(15, signal.SIG_IGN); print(os.getpid())\nwhile True: signal.pause()"
FAMILY = """
import os, signal
if os.fork() == 0:
    print(os.getpid()); signal.pause()
signal.pause()
"""
RUNAWAY = """
import os, signal
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(15, signal.SIG_IGN)
        print(os.getpid())
        while True: signal.pause()
    os._exit(0)
os.wait()
signal.pause()
"""


def alive(pid: int) -> bool:
    """Return whether *pid* runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def said(ring: LogRing) -> str:
    """Return the first line of *ring*, waiting for it."""
    async with asyncio.timeout(5), aclosing(ring.follow(1000)) as lines:
        return await anext(lines)


@pytest.fixture
async def reaper(tmp_path: Path) -> AsyncIterator[OrphanReaper]:
    """A reaper that kills at its end whatever a failing test left."""
    reaper = OrphanReaper(tmp_path / "engines")
    await reaper.start()
    yield reaper
    await reaper.close()


@pytest.fixture
def stranger() -> Iterator[psutil.Process]:
    """A process in a session of its own that is no engine."""
    with subprocess.Popen((*PYTHON, SLEEPER), stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield psutil.Process(process.pid)
        process.kill()


async def start(code: str, reaper: OrphanReaper, ring: LogRing, env: dict[str, str] | None = None) -> EngineProcess:
    """Start an engine that is a line of Python."""
    return await EngineProcess.spawn((*PYTHON, code), env or {}, ring=ring, reaper=reaper, model="demo")


class TestSpawn:
    """How an engine begins."""

    async def test_has_its_own_session_a_clean_environment_and_no_input(self, reaper: OrphanReaper) -> None:
        """Nothing of the daemon reaches the engine: no variable, no open file, no terminal, no folder."""
        ring = LogRing()
        code = "import os, sys; print(os.getsid(0) == os.getpid(), sorted(os.environ), os.getcwd(), sys.stdin.read() == '')"
        engine = await start(code, reaper, ring, {"A": "b", "LC_ALL": "C.UTF-8"})
        assert 0 == await engine.wait()
        assert (f"True {sorted(('A', 'LC_ALL', ENV_MARKER))} / True",) == ring.tail()
        await engine.stop(1)

    async def test_keeps_the_order_of_both_outputs_to_the_last_word(self, reaper: OrphanReaper) -> None:
        """Standard output and error share a pipe, and `wait` returns after the last line is in the ring."""
        ring = LogRing()
        code = "import os\nfor n in range(500): os.write(1 + n % 2, b'%d\\n' % n)\nos.write(2, b'end')"
        engine = await start(code, reaper, ring)
        assert [0, 0, 0] == list(await asyncio.gather(engine.wait(), engine.wait(), engine.wait()))
        await engine.stop(0.0)
        assert [*map(str, range(500)), "end"] == ring.lines()

    async def test_is_shown_as_a_status_line(self, reaper: OrphanReaper) -> None:
        """The repr says what, where and how."""
        engine = await start(SLEEPER, reaper, LogRing())
        name = Path(sys.executable).name
        assert f"<EngineProcess {name} pid {engine.pid} running>" == repr(engine)
        assert start_of(engine.pid) == engine.start
        os.kill(engine.pid, signal.SIGKILL)
        assert -9 == await engine.wait()
        await engine.stop(0.0)
        assert f"<EngineProcess {name} pid {engine.pid} exit -9>" == repr(engine)

    @pytest.mark.parametrize(
        ("argv", "exit_class"),
        [
            (("/nowhere/engine",), ExitClass.MISSING_FILE),
            (("/etc/passwd",), ExitClass.MISSING_FILE),
            (("/etc/passwd/engine",), ExitClass.MISSING_FILE),
            ((sys.executable, "x" * 4_000_000), ExitClass.BAD_FLAG),
            ((sys.executable, "a\0b"), ExitClass.BAD_FLAG),
        ],
    )
    async def test_says_why_it_could_not_start(
        self, argv: tuple[str, ...], exit_class: ExitClass, reaper: OrphanReaper
    ) -> None:
        """A program that is missing or not executable, and arguments that cannot be passed, are errors of their class."""
        with pytest.raises(EngineError, match=f"cannot start '{argv[0]}'") as caught:
            await EngineProcess.spawn(argv, {}, ring=LogRing(), reaper=reaper)
        assert exit_class == caught.value.exit_class
        assert not exit_class.mends_itself

    async def test_a_file_that_is_no_program_is_named(self, reaper: OrphanReaper, tmp_path: Path) -> None:
        """An executable of the wrong kind is told apart from one that is not there."""
        path = tmp_path / "engine"
        path.write_bytes(b"\x7fno program")
        path.chmod(0o755)
        with pytest.raises(EngineError, match="no program for this machine"):
            await EngineProcess.spawn((str(path),), {}, ring=LogRing(), reaper=reaper)


class TestStop:
    """How an engine ends."""

    async def test_sigterm_is_enough_for_most(self, reaper: OrphanReaper) -> None:
        """An engine that obeys is gone at once, and its record with it."""
        ring = LogRing()
        engine = await start(SLEEPER, reaper, ring)
        await said(ring)
        assert 1 == len(list(reaper.directory.iterdir()))
        report = await engine.stop(20)
        assert (StopOutcome.TERMINATED, -15, ()) == (report.how, report.status, report.left)
        assert report.seconds < 10
        assert [] == list(reaper.directory.iterdir())

    async def test_what_ignores_sigterm_is_killed_after_the_grace(self, reaper: OrphanReaper) -> None:
        """The grace is given in full, and not much more."""
        ring = LogRing()
        engine = await start(STUBBORN, reaper, ring)
        await said(ring)
        report = await engine.stop(0.2)
        assert (StopOutcome.KILLED, -9, ()) == (report.how, report.status, report.left)
        assert 0.2 <= report.seconds < 10

    @pytest.mark.parametrize("code", [FAMILY, RUNAWAY], ids=["same group", "own session, parent gone"])
    async def test_takes_the_whole_family(self, code: str, reaper: OrphanReaper) -> None:
        """Neither a child in the group nor a double-forked one in a session of its own survives."""
        ring = LogRing()
        engine = await start(code, reaper, ring)
        child = int(await said(ring))
        assert alive(child)
        report = await engine.stop(1)
        assert () == report.left
        assert not alive(child)

    async def test_two_at_once_share_one_ending(self, reaper: OrphanReaper) -> None:
        """A second `stop` waits for the first and finds nothing to do; so does `sweep`."""
        engine = await start(SLEEPER, reaper, LogRing())
        reports = await asyncio.gather(engine.stop(5), engine.stop(5))
        assert [StopOutcome.TERMINATED, StopOutcome.GONE] == [report.how for report in reports]
        assert () == (await engine.stop(0.0)).left

    async def test_a_cancelled_stop_can_be_taken_up_again(self, reaper: OrphanReaper) -> None:
        """A caller that stops waiting does not leave the engine half stopped for ever."""
        ring = LogRing()
        engine = await start(STUBBORN, reaper, ring)
        await said(ring)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await engine.stop(60)
        assert StopOutcome.KILLED == (await engine.stop(0.05)).how


class TestSweep:
    """What a crash leaves."""

    @pytest.mark.parametrize("code", [FAMILY, RUNAWAY], ids=["same group", "own session, parent gone"])
    async def test_a_dead_leader_leaves_no_children(self, code: str, reaper: OrphanReaper) -> None:
        """After the engine's own process was killed, the rest of it is found and killed too."""
        ring = LogRing()
        engine = await start(code, reaper, ring)
        child = int(await said(ring))
        os.kill(engine.pid, signal.SIGKILL)
        assert -9 == await engine.wait()
        assert alive(child)
        assert () == (await engine.stop(0.0)).left
        assert not alive(child)

    async def test_does_not_wait_for_a_leaked_pipe(self, reaper: OrphanReaper) -> None:
        """`wait` returns when the engine dies although its child still holds the pipe open."""
        ring = LogRing()
        engine = await start(FAMILY, reaper, ring)
        await said(ring)
        os.kill(engine.pid, signal.SIGKILL)
        async with asyncio.timeout(10):
            await engine.wait()
        await engine.stop(0.0)

    async def test_spares_the_next_program_with_the_pid(self, reaper: OrphanReaper, stranger: psutil.Process) -> None:
        """When the engine's pid belongs to another program, that process and its group are not signalled."""
        engine = await start("", reaper, LogRing())
        await engine.wait()
        engine.pid, engine.start = stranger.pid, "1"
        assert StopOutcome.GONE == (await engine.stop(0.1)).how
        assert alive(stranger.pid)
