"""What systemd reads on its socket: real datagrams, in the form of sd_notify(3)."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostd.service.notify import ServiceNotifier


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """A socket as systemd has one, and the address that it gives its services."""
    address = str(tmp_path / "notify") if request.param == "path" else f"@hostd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        listening.settimeout(5)
        yield address, listening


def test_says_what_happens(manager: tuple[str, socket.socket]) -> None:
    """Ready, alive and stopping are one datagram each; a status is one line, and is not sent twice."""
    address, listening = manager
    notifier = ServiceNotifier(address)
    notifier.ready("listening")
    notifier.status("listening")
    notifier.status("two\nWATCHDOG=1 lines")
    notifier.alive()
    notifier.stopping("3 requests in flight", 20.0)
    notifier.extend("2 requests in flight", 2.5)
    assert [
        b"READY=1\nSTATUS=listening",
        b"STATUS=two WATCHDOG=1 lines",
        b"WATCHDOG=1",
        b"STOPPING=1\nEXTEND_TIMEOUT_USEC=20000000\nSTATUS=3 requests in flight",
        b"EXTEND_TIMEOUT_USEC=2500000\nSTATUS=2 requests in flight",
    ] == [listening.recv(4096) for _ in range(5)]


def test_a_reload_has_its_time(manager: tuple[str, socket.socket]) -> None:
    """By the kernel's monotonic clock systemd tells an answer to its own signal from one to an earlier signal."""
    address, listening = manager
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    ServiceNotifier(address).reloading("reading")
    kind, clock, status = listening.recv(4096).decode().split("\n")
    assert ("RELOADING=1", "STATUS=reading") == (kind, status)
    assert before <= int(clock.removeprefix("MONOTONIC_USEC=")) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def test_takes_systemds_variables() -> None:
    """The socket and the watchdog's time come from the environment, and are no other program's afterwards."""
    environ = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid()), "PATH": "/bin"}
    notifier = ServiceNotifier.from_environment(environ)
    assert (True, 3.0, {"PATH": "/bin"}) == (bool(notifier), notifier.watchdog, environ)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"WATCHDOG_USEC": "3000000"},
        {"NOTIFY_SOCKET": "relative", "WATCHDOG_USEC": "1"},
        {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"},
        {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "0"},
        {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "soon"},
    ],
)
def test_feeds_no_watchdog_that_is_not_its_own(environ: dict[str, str]) -> None:
    """Without a socket, without a time, or for another process, no watchdog is fed."""
    assert ServiceNotifier.from_environment(environ).watchdog is None


def test_a_socket_that_is_gone_costs_nothing(tmp_path: Path) -> None:
    """The daemon serves on where systemd does not listen, or has no room for one more message."""
    ServiceNotifier(str(tmp_path / "nobody")).ready("listening")
    ServiceNotifier().alive()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as full:
        full.bind(str(tmp_path / "full"))
        for _ in range(2000):
            ServiceNotifier(str(tmp_path / "full")).alive()
