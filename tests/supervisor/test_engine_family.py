"""An engine's processes are found however they were started."""

import subprocess
import sys

import pytest

from hostd.supervisor.engine_family import ENV_MARKER, engine_processes, kill, marked, survivors

SLEEPER = (sys.executable, "-I", "-S", "-c", "import signal; print(flush=True); signal.pause()")
GONE = 1 << 22


def test_finds_a_process_by_its_mark_alone() -> None:
    """A process that carries the mark belongs to the engine, whatever its session and parents."""
    with subprocess.Popen(SLEEPER, env={ENV_MARKER: "m-1"}, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert [process.pid] == [one.pid for one in engine_processes(GONE, "1", "m-1")]
        assert [] == engine_processes(GONE, "1", "m-11")
        found = marked()["m-1"]
        assert [process.pid] == [one.pid for one in found]
        assert process.pid == survivors(found)[0].pid
        kill(found)
        process.wait()
        assert () == survivors(found)


@pytest.mark.parametrize(("pid", "mark"), [(0, "m"), (1, "m"), (12345, "")])
def test_refuses_what_would_mean_other_programs(pid: int, mark: str) -> None:
    """Neither the whole machine nor the caller's own group is an engine."""
    with pytest.raises(ValueError, match="cannot be an engine"):
        engine_processes(pid, "1", mark)
