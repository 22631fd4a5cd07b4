"""The check of addresses to listen on."""

import errno
import os
import socket
from pathlib import Path

from hostd.doctor.checks.ports import ListenFacts, check, gather, judge
from hostd.domain.errors import Problem
from tests.doctor.machine import machine, only


def test_a_port_that_another_program_has() -> None:
    """It is named, with its pid, whether or not a daemon answers elsewhere."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        facts = gather((address,))
    assert (errno.EADDRINUSE, os.getpid()) == (facts[0].error, facts[0].pid)
    found = only(judge(facts, None))
    assert "fail" == found.status
    assert f"(pid {os.getpid()})" in found.what
    assert found.remedy.startswith(f"kill {os.getpid()}")
    assert "fail" == only(judge(facts, "http://127.0.0.1:11435")).status


def test_a_port_that_the_daemon_has() -> None:
    """It is its own, also where the system does not tell who has it; another's second address is a warning."""
    ours = ListenFacts("127.0.0.1:11435", errno.EADDRINUSE, 7, "hostd")
    assert "ok" == only(judge((ours,), "http://127.0.0.1:11435")).status
    assert "ok" == only(judge((ListenFacts("127.0.0.1:11435", errno.EADDRINUSE),), "http://127.0.0.1:11435")).status
    second = ListenFacts("[::1]:11435", errno.EADDRINUSE, 8, "ollama", by_daemon=False, optional=True)
    assert "warn" == only(judge((ours, second), "http://127.0.0.1:11435")).status


def test_a_free_port_stays_free() -> None:
    """To try it leaves nothing behind."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
    facts = gather((address,))
    assert "ok" == only(judge(facts, None)).status
    assert facts == gather((address,))


def test_what_is_free_is_said_of_each_address() -> None:
    """A daemon that listens elsewhere has not the addresses of the files; one that has some has not the others."""
    free, ours = ListenFacts("[::1]:11435"), ListenFacts("127.0.0.1:11435", errno.EADDRINUSE)
    assert "[::1]:11435: free to listen on" == only(judge((free,), "http://127.0.0.1:9")).what
    both = only(judge((ours, free), "http://127.0.0.1:11435")).what
    assert "127.0.0.1:11435: the daemon listens there; [::1]:11435: free to listen on" == both


def test_an_address_that_this_machine_lacks() -> None:
    """A failure where the owner wrote it, and none where it is the second of the defaults."""
    (facts,) = gather(("192.0.2.1:11435",))
    assert "fail" == only(judge((facts,), None)).status
    lacking = ListenFacts("[::1]:11435", errno.EADDRNOTAVAIL, optional=True)
    assert "ok" == only(judge((lacking,), None)).status


def test_ports_that_take_rights() -> None:
    """Another port is the remedy, not another user."""
    found = only(judge((ListenFacts("127.0.0.1:80", errno.EACCES),), None))
    assert ("fail", "choose another address in server.listen") == (found.status, found.remedy)


def test_unix_sockets(tmp_path: Path) -> None:
    """One that a program listens on, one without a folder, one that is too long, and one that a dead daemon has left."""
    left = tmp_path / "left.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(left))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "taken.sock"))
        listening.listen()
        paths = (f"{tmp_path}/taken.sock", f"{tmp_path}/none/a.sock", f"{tmp_path}/{'a' * 120}", str(left))
        facts = gather(tuple(f"unix:{path}" for path in paths))
    taken, missing, long = judge(facts, None)
    assert ("is taken by another program" in taken.what, taken.status) == (True, "fail")
    assert f"mkdir -m 700 -p {tmp_path}/none" == missing.remedy
    assert "is too long" in long.what
    assert facts[3].error is None


def test_without_a_configuration_nothing_is_tried(tmp_path: Path) -> None:
    """What the owner wanted is not known."""
    assert "skipped" == only(check(machine(tmp_path, problems=(Problem("bad", "hostd.yaml"),)))).status
