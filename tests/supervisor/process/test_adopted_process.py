"""A process that is no child: seen to end, and never taken for another."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from hostd.supervisor.process import adopted_process
from hostd.supervisor.process.adopted_process import AdoptedProcess
from hostd.supervisor.process.process_identity import start_of

SLEEPER = (sys.executable, "-I", "-S", "-c", "import signal; print(flush=True); signal.pause()")


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    """A process in a session of its own."""
    with subprocess.Popen(SLEEPER, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


@pytest.mark.parametrize("by_pidfd", [True, False], ids=["pidfd", "looks"])
async def test_its_end_is_seen(
    by_pidfd: bool, sleeper: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a signal it ends; its status is nobody's but its parent's, and what has ended gets no further signal."""
    if not by_pidfd:
        monkeypatch.setattr(adopted_process, "_pidfd", lambda _: -1)
    process = AdoptedProcess(sleeper.pid, start_of(sleeper.pid) or "")
    assert process.returncode is None
    process.signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        assert 0 == await process.wait()
    assert 0 == process.returncode
    assert -signal.SIGTERM == sleeper.wait()
    process.signal(signal.SIGTERM)
    process.release()


async def test_another_process_with_the_pid_is_refused(sleeper: "subprocess.Popen[bytes]") -> None:
    """So is one that is gone; neither is signalled."""
    for pid, start in ((sleeper.pid, "1"), (1 << 22, "1")):
        with pytest.raises(ProcessLookupError):
            AdoptedProcess(pid, start)
    assert sleeper.poll() is None


async def test_what_is_released_runs_on(sleeper: "subprocess.Popen[bytes]") -> None:
    """And is watched no more."""
    process = AdoptedProcess(sleeper.pid, start_of(sleeper.pid) or "")
    process.release()
    process.release()
    os.kill(sleeper.pid, 0)
