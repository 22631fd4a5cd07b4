"""The process that kills engines once the daemon has ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from hostd.supervisor.process import orphan_reaper_child
from hostd.supervisor.process.process_identity import start_of

MARK = f"mark-{os.getpid()}-"
"""Of this process: the child kills whatever carries it, and these tests may run twice at the same time."""
SCRIPT = (sys.executable, "-I", "-S", str(Path(orphan_reaper_child.__file__)))
SLEEPER = (sys.executable, "-I", "-S", "-c", "import signal; print(flush=True); signal.pause()")


@pytest.fixture
def engine() -> Iterator[psutil.Process]:
    """A process in a session of its own."""
    with subprocess.Popen(SLEEPER, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield psutil.Process(process.pid)
        process.kill()


def told(process: psutil.Process) -> str:
    """Return the start of *process* as the daemon tells it."""
    return start_of(process.pid) or ""


def tell(*lines: str) -> None:
    """Start the child, say *lines*, and end its input; return when it has ended."""
    child = subprocess.run((*SCRIPT, MARK), input="\n".join(lines).encode(), timeout=10, check=True, env={})
    assert 0 == child.returncode


def ended(process: psutil.Process) -> bool:
    """Return whether *process* is a zombie, or has ended."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_kills_what_it_watches(engine: psutil.Process) -> None:
    """At the end of its input, a watched engine is killed."""
    tell(f"watch {engine.pid} {told(engine)}")
    assert ended(engine)


@pytest.mark.skipif(sys.platform != "linux", reason="marks are read on Linux only")
def test_spares_an_engine_that_is_to_outlive_the_daemon() -> None:
    """One that is kept is not killed for its mark either; its neighbour, whose mark is longer, is."""
    kept, other = (
        subprocess.Popen(SLEEPER, stdout=subprocess.PIPE, start_new_session=True, env={"HOSTD_ENGINE": mark})
        for mark in (f"{MARK}1", f"{MARK}11")
    )
    for process in (kept, other):
        assert process.stdout is not None
        process.stdout.readline()
    about = psutil.Process(kept.pid)
    tell(f"watch {kept.pid} {told(about)}", f"keep {kept.pid} {MARK}1")
    assert -signal.SIGKILL == other.wait(5)
    assert not ended(about)
    with kept, other:
        kept.kill()


@pytest.mark.parametrize("shift", [-60, -1, 1, 60])
def test_spares_the_next_program_with_the_pid(shift: int, engine: psutil.Process) -> None:
    """A pid whose process began at another time, were it by the smallest step of the kernel's clock, is not signalled."""
    if sys.platform != "linux" and abs(shift) == 1:
        pytest.skip("only Linux counts so finely")
    tell(f"watch {engine.pid} {int(float(told(engine))) + shift}")
    assert not ended(engine)


def test_passes_over_what_makes_no_sense(engine: psutil.Process) -> None:
    """Garbage among the lines neither stops it nor makes it forget."""
    tell("", "watch", "watch x y", "watch 0 0", "dance 1", f"watch {engine.pid} {told(engine)}", "forget x")
    assert ended(engine)


def test_forgets(engine: psutil.Process) -> None:
    """An engine that it was told to forget lives."""
    tell(f"watch {engine.pid} {told(engine)}", f"forget {engine.pid}")
    assert not ended(engine)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="marks are read from /proc")
def test_kills_by_mark_what_it_was_never_told_of() -> None:
    """An engine that was started an instant before the daemon died is found by its mark."""
    with subprocess.Popen(SLEEPER, env={"HOSTD_ENGINE": f"{MARK}9"}, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        tell()
        assert -signal.SIGKILL == process.wait(2)


def test_works_without_proc(engine: psutil.Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no /proc, `ps` tells when a process began."""
    monkeypatch.setattr(orphan_reaper_child, "_PROC", False)
    watched: dict[int, str | None] = {}
    orphan_reaper_child.obey(["watch", str(engine.pid), f"{engine.create_time():.2f}"], watched, set())
    assert watched[engine.pid] is not None
    assert orphan_reaper_child.kill_once(watched, b"none", set())
    engine.wait(2)
    assert orphan_reaper_child.start_of(os.getpid()) is not None
    assert not orphan_reaper_child.kill_once({1 << 22: None}, b"none", set())
