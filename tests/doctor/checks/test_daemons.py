"""The check of daemons."""

import fcntl
import os
from pathlib import Path

import pytest

from hostd.doctor.checks.daemons import DaemonFacts, gather, is_daemon, judge
from hostd.doctor.context import RunningDaemon
from tests.doctor.machine import machine, only

URL = "http://127.0.0.1:11435"


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        pytest.param(DaemonFacts(address=URL), "ok", id="none"),
        pytest.param(DaemonFacts("/s", 7, (7,), URL, answers=True), "ok", id="one that answers"),
        pytest.param(DaemonFacts("/s", None, (7,), URL, answers=True), "ok", id="one, on a system that lists no locks"),
        pytest.param(DaemonFacts("/s", 7, (7,), URL), "warn", id="one that does not answer"),
        pytest.param(DaemonFacts("/s", 7, (7, 8), URL, answers=True), "warn", id="two"),
        pytest.param(DaemonFacts("/s", None, (8,), URL), "warn", id="one with another state folder"),
    ],
)
def test_one_is_enough(facts: DaemonFacts, status: str) -> None:
    """A second one counts with the same memory; the pid to end is named."""
    found = only(judge(facts))
    assert status == found.status
    assert status == "ok" or f"kill {8 if 8 in facts.running else 7}" in found.remedy


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("/usr/bin/python3", "/home/a/.venv/bin/hostd", "serve"), True),
        (("python", "-m", "hostd", "serve", "--demo"), True),
        (("/usr/bin/hostd", "serve"), True),
        (("hostd", "chat", "coder", "hello"), False),
        (("llama-server", "-m", "hostd", "--host", "serve"), False),
        ((), False),
    ],
    ids=["script", "module", "program", "another verb", "an engine", "a kernel thread"],
)
def test_a_daemon_is_known_by_its_command_line(command: tuple[str, ...], *, expected: bool) -> None:
    """As it is started by hand, by a unit, or as a module."""
    assert expected is is_daemon(list(command))


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="the system lists no locks")
def test_who_holds_the_state_folder(tmp_path: Path) -> None:
    """The lock is read from the system's list, and never tried."""
    (tmp_path / "state").mkdir()
    descriptor = os.open(tmp_path / "state", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    context = machine(tmp_path, root=Path("/"), daemon=RunningDaemon(URL))
    held = gather(context).holder
    os.close(descriptor)
    assert (os.getpid(), None) == (held, gather(context).holder)
