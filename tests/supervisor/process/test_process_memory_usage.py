"""What a group of processes costs."""

import os
import subprocess
import sys

from hostd.supervisor.process.process_memory import ProcessUsage, group_usage

PARENT = """
import os, subprocess, sys
code = "import time; print(flush=True); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-I", "-S", "-c", code], stdout=subprocess.PIPE)
child.stdout.readline()
while sum(os.times()[:2]) < 0.03: pass
print(child.pid, flush=True)
sys.stdin.read()
child.kill()
child.wait()
"""


def test_counts_a_process_and_its_descendants() -> None:
    """A parent and its child are both counted, the parent first."""
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        usage = group_usage(parent.pid)
        assert (parent.pid, child) == usage.pids
        assert usage.rss_bytes > group_usage(child).rss_bytes > 1 << 20
        assert usage.cpu_seconds >= 0.03
        assert usage.read_bytes >= 0
        parent.communicate()


def test_a_process_that_ended_uses_nothing() -> None:
    """A pid without a process is no error."""
    gone = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    gone.wait()
    assert ProcessUsage() == group_usage(gone.pid)


def test_a_process_may_measure_itself() -> None:
    """The daemon can ask about its own process."""
    assert os.getpid() == group_usage(os.getpid()).pids[0]
