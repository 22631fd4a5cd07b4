"""Sockets that systemd hands over are taken as they are; those that others reach, or that do not listen, are refused."""

import os
import socket
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from hostd.gateway.http.connections import Connections
from hostd.gateway.http.listeners import open_listeners
from hostd.gateway.http.passed_sockets import UnusableSocket, address_of, covers, take_passed_sockets

FIRST = 700
"""The first of descriptors that nothing else here uses: they are given out from below."""


@pytest.fixture(autouse=True)
def _unused() -> None:
    """Other sockets of this process must not be closed by what is put in their place."""
    for descriptor in range(FIRST, FIRST + 2):
        with pytest.raises(OSError, match=r".*"):
            os.fstat(descriptor)


def listening(where: object, *, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> socket.socket:
    """Return a socket that is bound, and listens if it is a stream."""
    opened = socket.socket(family, kind)
    opened.bind(where)  # type: ignore[arg-type]
    if kind == socket.SOCK_STREAM:
        opened.listen()
    return opened


def handed_over(*sockets: socket.socket) -> dict[str, str]:
    """Put *sockets* where systemd puts them, and return what it says of them."""
    for number, each in enumerate(sockets):
        os.dup2(each.detach(), FIRST + number, inheritable=True)
    return {"LISTEN_FDS": str(len(sockets)), "LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": "x", "PATH": "/bin"}


async def test_serves_on_what_was_handed_over(tmp_path: Path) -> None:
    """A port and a unix socket are both served, and an address that they cover is not bound again; others are."""

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="hello")

    path = tmp_path / "s"
    environ = handed_over(listening(("127.0.0.1", 0)), listening(str(path), family=socket.AF_UNIX))
    passed = take_passed_sockets(environ, FIRST)
    assert {"PATH": "/bin"} == environ
    assert not any(os.get_inheritable(each.fileno()) for each in passed)
    port = address_of(passed[0])
    runner = web.ServerRunner(Connections(answer))
    await runner.setup()
    opened = await open_listeners(runner, [port, f"unix:{path}", "127.0.0.1:0"], passed=passed)
    assert (port, f"unix:{path}") == opened[:2]
    assert 3 == len(opened)
    async with aiohttp.ClientSession() as http, http.get(f"http://{port}/") as response:
        assert "hello" == await response.text()
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as http,
        http.get("http://localhost/") as response,
    ):
        assert "hello" == await response.text()
    await runner.cleanup()


@pytest.mark.parametrize("environ", [{}, {"LISTEN_FDS": "1", "LISTEN_PID": "1"}, {"LISTEN_FDS": "x"}])
def test_takes_only_its_own(environ: dict[str, str]) -> None:
    """Another process's descriptors are none of ours."""
    assert [] == take_passed_sockets(environ, FIRST)


def test_refuses_what_other_machines_reach() -> None:
    """A socket unit must not open what the configuration may not."""
    environ = handed_over(listening(("0.0.0.0", 0)))
    with pytest.raises(UnusableSocket, match=r"0\.0\.0\.0.*ListenStream="):
        take_passed_sockets(environ, FIRST)


@pytest.mark.parametrize("kind", ["datagram", "file"])
def test_refuses_what_does_not_listen(kind: str) -> None:
    """A socket for datagrams, and what is no socket at all, is said to be so."""
    if kind == "file":
        os.dup2(os.open(os.devnull, os.O_RDONLY), FIRST)
        environ = {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
    else:
        environ = handed_over(listening(("127.0.0.1", 0), kind=socket.SOCK_DGRAM))
    with pytest.raises(UnusableSocket, match="ListenStream="):
        take_passed_sockets(environ, FIRST)
    with suppress(OSError):
        os.close(FIRST)


@pytest.mark.parametrize(
    ("address", "covered"),
    [
        ("127.0.0.1:1", True),
        ("localhost:1", True),
        ("localhost:2", False),
        ("[::1]:1", False),
        ("unix:/run/x", True),
        ("unix:/run/y", False),
        ("127.0.0.1:0", False),
    ],
)
def test_knows_what_is_covered(address: str, covered: bool) -> None:
    """A name stands for the addresses of loopback."""
    assert covered is covers(("127.0.0.1:1", "unix:/run/x"), address)
