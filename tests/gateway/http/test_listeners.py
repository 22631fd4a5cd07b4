"""The server listens where the owner says, and where it cannot, a sentence says why."""

import asyncio
import errno
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from hostd.gateway.http.connections import Connections
from hostd.gateway.http.listeners import ListenError, base_url, close_listeners, open_listeners
from tests.conftest import OpenDaemon
from tests.stage import COLD, make_profile, make_settings


@pytest.fixture
async def runner() -> AsyncIterator[web.ServerRunner]:
    """A server that says hello."""

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="hello")

    runner = web.ServerRunner(Connections(answer))
    await runner.setup()
    yield runner
    await runner.cleanup()


async def hello(url: str, path: str | None = None) -> str:
    """Return what answers there."""
    connector = aiohttp.UnixConnector(path) if path else aiohttp.TCPConnector()
    async with aiohttp.ClientSession(connector=connector) as http, http.get(url) as response:
        return await response.text()


async def test_opens_any_port(runner: web.ServerRunner) -> None:
    """Port 0 is any that is free; the address tells which, and several can be had."""
    addresses = await open_listeners(runner, ["127.0.0.1:0", "127.0.0.1:0"])
    assert 2 == len({*addresses, "127.0.0.1:0"} - {"127.0.0.1:0"})
    assert ["hello"] * 2 == [await hello(base_url(address)) for address in addresses]


async def test_opens_a_socket(runner: web.ServerRunner, tmp_path: Path) -> None:
    """A unix socket serves its owner's group, and no other user."""
    path = tmp_path / "hostd.sock"
    assert (f"unix:{path}",) == await open_listeners(runner, [f"unix:{path}"])
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert "hello" == await hello("http://localhost/", str(path))


async def test_closes_what_was_asked_for(runner: web.ServerRunner, tmp_path: Path) -> None:
    """Nobody gets in there any more, and a socket's file is gone; the others go on."""
    path = tmp_path / "hostd.sock"
    stays, *_ = await open_listeners(runner, ["127.0.0.1:0", f"unix:{path}"])
    assert set() == await close_listeners(runner, ["127.0.0.1:1"])
    assert {f"unix:{path}"} == await close_listeners(runner, [f"unix:{path}"])
    assert not path.exists()
    assert "hello" == await hello(base_url(stays))


async def test_replaces_a_socket_that_no_program_holds(runner: web.ServerRunner, tmp_path: Path) -> None:
    """What a killed daemon has left is no obstacle."""
    path = tmp_path / "hostd.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    await open_listeners(runner, [f"unix:{path}"])
    assert "hello" == await hello("http://localhost/", str(path))


async def test_leaves_a_socket_that_a_program_holds(runner: web.ServerRunner, tmp_path: Path) -> None:
    """Another daemon keeps its socket."""
    path = tmp_path / "hostd.sock"
    with socket.socket(socket.AF_UNIX) as held:
        held.bind(str(path))
        held.listen()
        with pytest.raises(ListenError, match=r"cannot listen on unix:.*: it is in use; stop that program"):
            await open_listeners(runner, [f"unix:{path}"])
    assert path.exists()


async def test_leaves_a_file_alone(runner: web.ServerRunner, tmp_path: Path) -> None:
    """Only a socket is ever removed."""
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    with pytest.raises(ListenError, match="cannot listen on unix:"):
        await open_listeners(runner, [f"unix:{path}"])
    assert "mine" == path.read_text()


async def test_names_who_holds_a_port(runner: web.ServerRunner) -> None:
    """A port in use is told with the program that has it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        address = f"127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(ListenError, match=rf"{address}: it is in use by \S+ \(pid {os.getpid()}\); stop that"):
            await open_listeners(runner, [address])


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("192.0.2.1:0", "this machine does not have that address; see 'server.listen'"),
        ("unix:/nowhere/at/all.sock", os.strerror(errno.ENOENT)),
    ],
)
async def test_says_why_not(runner: web.ServerRunner, address: str, why: str) -> None:
    """Each refusal of the system has its sentence."""
    with pytest.raises(ListenError) as caught:
        await open_listeners(runner, [address])
    assert f"cannot listen on {address}: {why}" in caught.value.message


async def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _without_ipv6(family: int, *rest: object) -> socket.socket:
    """Stand in for a kernel that knows no IPv6: `socket` as it is there."""
    if family == socket.AF_INET6:
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
    return _socket(family, *rest)  # type: ignore[arg-type]


_socket = socket.socket


async def test_both_addresses_of_loopback_have_one_port(runner: web.ServerRunner) -> None:
    """Whichever a client takes `localhost` for."""
    port = await _free_port()
    asked = (f"127.0.0.1:{port}", f"[::1]:{port}")
    assert asked == await open_listeners(runner, asked, optional=asked[1:])
    assert ["hello"] * 2 == [await hello(base_url(address)) for address in asked]


async def test_a_machine_without_ipv6_has_one(runner: web.ServerRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is no news where nobody asked for it, and a mistake where somebody did."""
    asked = (f"127.0.0.1:{await _free_port()}", "[::1]:0")
    monkeypatch.setattr("hostd.gateway.http.listeners.socket.socket", _without_ipv6)
    with capture_logs() as logged:
        assert asked[:1] == await open_listeners(runner, asked, optional=asked[1:])
    assert [] == logged
    with pytest.raises(ListenError, match=r"cannot listen on \[::1\]:0"):
        await open_listeners(runner, asked[1:])


async def test_a_second_address_that_is_taken_is_told(runner: web.ServerRunner) -> None:
    """Who takes `localhost` for it reaches that other program, so the owner should know; the first one serves."""
    with socket.socket(socket.AF_INET6) as held:
        held.bind(("::1", 0))
        held.listen()
        taken = f"[::1]:{held.getsockname()[1]}"
        with capture_logs() as logged:
            (address,) = await open_listeners(runner, ("127.0.0.1:0", taken), optional=(taken,))
    (told,) = logged
    assert ("address_left_out", taken) == (told["event"], told["address"])
    assert f"(pid {os.getpid()})" in told["why"]
    assert "hello" == await hello(base_url(address))


async def test_a_name_needs_one_of_its_addresses(runner: web.ServerRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the one that is missing comes first."""
    loop, found = (
        asyncio.get_running_loop(),
        [(socket.AF_INET6, 1, 6, "", ("::1", 0, 0, 0)), (socket.AF_INET, 1, 6, "", ("127.0.0.1", 0))],
    )

    async def both(*_: object, **__: object) -> list[object]:
        return list(found)

    monkeypatch.setattr(loop, "getaddrinfo", both)
    monkeypatch.setattr("hostd.gateway.http.listeners.socket.socket", _without_ipv6)
    (address,) = await open_listeners(runner, ["localhost:0"])
    found.pop()
    with pytest.raises(ListenError):
        await open_listeners(runner, ["localhost:0"])
    monkeypatch.undo()
    assert "hello" == await hello(base_url(address.replace("localhost", "127.0.0.1")))


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("127.0.0.1:80", "http://127.0.0.1:80"),
        ("0.0.0.0:80", "http://127.0.0.1:80"),
        ("[::1]:80", "http://[::1]:80"),
        ("unix:/a", "unix:/a"),
    ],
)
def test_knows_how_it_is_reached(address: str, url: str) -> None:
    """The address of all interfaces is reached by loopback."""
    assert url == base_url(address)


async def test_the_daemon_answers_at_a_socket(open_daemon: OpenDaemon, weights: Path, tmp_path: Path) -> None:
    """At a unix socket no Host is checked: the file system says which users may connect."""
    path = tmp_path / "hostd.sock"
    settings = make_settings(make_profile("alpha", weights, warm=COLD), listen=(f"unix:{path}",))
    async with open_daemon(settings):
        assert "hostd is running\n" == await hello("http://any.name.will.do/", str(path))
