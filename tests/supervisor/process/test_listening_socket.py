"""A port counts as the engine's only while one of the engine's own processes listens on it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostd.supervisor.process.listening_socket import Listening, ListeningSocket, listening, owner_of

LISTENER = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print(server.getsockname()[1], flush=True)
sys.stdin.read()
"""
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads the tables of Linux")


class Program:
    """A program of its own that listens on a port."""

    def __init__(self, port: int = 0) -> None:
        argv = (sys.executable, "-I", "-S", "-c", LISTENER, str(port))
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def end(self) -> None:
        """End it, and return when its port is free."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def program() -> Iterator[Program]:
    """A program that listens."""
    program = Program()
    yield program
    program.end()


def test_a_port_that_nobody_has() -> None:
    """Before the engine listens, there is nobody to send anything to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    found = ListeningSocket(port, lambda: [os.getpid()])
    assert found.look() is Listening.NOBODY
    assert not found.is_held


def test_the_engine_has_its_port(program: Program) -> None:
    """The socket is among the open files of a process of its family, and stays so until that process ends."""
    found = ListeningSocket(program.port, lambda: [os.getpid(), program.process.pid])
    assert found.look() is Listening.ENGINE
    assert found.is_held
    assert f"<ListeningSocket {program.port} held by the engine>" == repr(found)
    program.end()
    assert not found.is_held
    assert found.look() is Listening.NOBODY


def test_a_stranger_is_never_taken_for_the_engine(program: Program) -> None:
    """Whoever has the port, a process that is none of the engine's does not get its requests."""
    found = ListeningSocket(program.port, lambda: [os.getpid()])
    # macOS shows the files of other programs to nobody, so there the port looks free.
    assert found.look() is (Listening.STRANGER if sys.platform == "linux" else Listening.NOBODY)
    assert not found.is_held


def test_a_port_that_changes_hands_is_held_no_longer(program: Program) -> None:
    """The engine has died, and another program took the port before anybody noticed."""
    found = ListeningSocket(program.port, lambda: [program.process.pid])
    assert found.look() is Listening.ENGINE
    program.end()
    with socket.create_server(("127.0.0.1", program.port)):
        assert not found.is_held


@LINUX
def test_says_who_has_a_port(program: Program) -> None:
    """As far as the system tells."""
    assert f"a program of user {os.getuid()}" == owner_of(program.port)
    program.end()
    assert "another program" == owner_of(program.port)


@LINUX
@pytest.mark.parametrize(
    ("address", "reached"),
    [("127.0.0.1", True), ("0.0.0.0", True), ("::", True), ("127.0.0.2", False), ("::1", False)],
)
def test_only_sockets_that_loopback_reaches_count(address: str, reached: bool) -> None:
    """A server on another address of the machine has nothing to do with the port of 127.0.0.1."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        server = socket.create_server((address, 0), family=family)
    except OSError:
        pytest.skip("this machine has no such address")
    with server:
        assert reached is (os.fstat(server.fileno()).st_ino in listening(server.getsockname()[1]))


@LINUX
def test_every_socket_on_the_port_must_be_the_engines(program: Program) -> None:
    """A port that is shared (SO_REUSEPORT) gives some connections to one socket and some to the other."""
    with socket.socket() as ours, socket.socket() as other:
        for each in (ours, other):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        ours.bind(("127.0.0.1", 0))
        ours.listen()
        port = ours.getsockname()[1]
        found = ListeningSocket(port, lambda: [os.getpid()])
        assert found.look() is Listening.ENGINE
        other.bind(("127.0.0.1", port))
        other.listen()
        assert found.look() is Listening.ENGINE
        assert 2 == len(listening(port))
        other.close()
        assert not found.is_held
    assert ListeningSocket(program.port, list).look() is Listening.STRANGER


def test_a_machine_without_tables_has_no_listeners(tmp_path: Path) -> None:
    """Where nothing can be read, nobody is believed."""
    assert set() == listening(80, tmp_path)
    assert "another program" == owner_of(80, tmp_path)
