"""``hostd.supervisor.process.child_process``: children start and end alike on every event loop."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hostd.supervisor.process.child_process import ChildProcess

uvloop = pytest.importorskip("uvloop")
LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]
ECHO = (sys.executable, "-c", "import sys; sys.exit(len(sys.stdin.readline()))")


@pytest.fixture(params=LOOPS, ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[..., object]:
    """Run a coroutine on one of the loops."""

    def runner(coroutine: object) -> object:
        with asyncio.Runner(loop_factory=request.param) as loop:
            return loop.run(coroutine)  # type: ignore[arg-type]  # the coroutine of a test

    return runner


@pytest.mark.parametrize("pidfds", [True, False])
def test_its_end_is_awaited(run: Callable[..., object], monkeypatch: pytest.MonkeyPatch, pidfds: bool) -> None:
    """With its exit status, or the signal that ended it; several may wait, and where there are no pidfds a thread does."""
    if not pidfds:
        monkeypatch.delattr(os, "pidfd_open", raising=False)

    async def scene() -> None:
        child = ChildProcess.spawn(ECHO, {}, output=subprocess.DEVNULL, stdin=subprocess.PIPE)
        assert (os.getsid(child.pid), None) == (child.pid, child.returncode)
        assert child.stdin is not None
        child.stdin.write(b"four\n")
        child.stdin.close()
        assert [5, 5] == list(await asyncio.gather(child.wait(), child.wait()))
        assert 5 == child.returncode
        killed = ChildProcess.spawn(ECHO, {}, output=subprocess.DEVNULL, stdin=subprocess.PIPE)
        os.kill(killed.pid, 9)
        assert -9 == await killed.wait()
        assert killed.stdin is not None
        killed.stdin.close()

    run(scene())


def test_nothing_is_run_by_a_shell(run: Callable[..., object], tmp_path: Path) -> None:
    """A file that is no program is an error, and so is an argument that could only be passed in part."""
    script = tmp_path / "engine"
    script.write_text("echo run > " + str(tmp_path / "ran"))
    script.chmod(0o755)

    async def scene() -> None:
        with pytest.raises(OSError):  # noqa: PT011  # the words are the system's
            ChildProcess.spawn((str(script),), {}, output=subprocess.DEVNULL)
        with pytest.raises(ValueError):  # noqa: PT011  # as above
            ChildProcess.spawn((sys.executable, "a\0b"), {}, output=subprocess.DEVNULL)

    run(scene())
    assert not (tmp_path / "ran").exists()
