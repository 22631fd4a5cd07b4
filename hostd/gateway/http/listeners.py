"""Listens on TCP addresses and unix sockets; says why and what to do where an address cannot be had."""

import asyncio
import errno
import os
import socket
import stat
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import structlog
from aiohttp import web

from hostd.domain.errors import Bug, HostdError
from hostd.gateway.http.acceptor import Acceptor
from hostd.gateway.http.connections import Connections
from hostd.gateway.http.passed_sockets import address_of, covers
from hostd.paths import state_directory
from hostd.supervisor.process.state_lock import holder_of

log = structlog.get_logger()

_NO_SUCH_ADDRESS = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
"""What binding says where the machine has no such address, or nothing of its family."""


class ListenError(HostdError):
    """An address cannot be listened on."""

    code = "cannot_listen"


def base_url(address: str) -> str:
    """Return the URL under which *address* is reached from this machine."""
    if address.startswith("unix:"):
        return address
    host, _, port = address.rpartition(":")
    return f"http://{'127.0.0.1' if host in ('', '0.0.0.0', '*') else host}:{port}"  # noqa: S104 - compared, not bound


async def open_listeners(
    runner: web.ServerRunner,
    addresses: Iterable[str],
    *,
    optional: Collection[str] = (),
    passed: Iterable[socket.socket] = (),
) -> tuple[str, ...]:
    """Listen on every one of *addresses*; return them with the ports that were really given (port 0 means any).

    One of *optional* is left out where it cannot be had, with a warning unless this machine has no such address at all. The
    sockets *passed* come first, and are taken as they are.

    Raises:
        ListenError: One of the others cannot be had; says why and what to do.
    """
    opened = []
    for listening in passed:
        opened.append(address_of(listening))
        await _serve(runner, listening, "", opened[-1])
    for address in [each for each in addresses if not covers(opened, each)]:
        listen = _listen_on_socket if address.startswith("unix:") else _listen_on_port
        try:
            opened.append(await listen(runner, address))
        except OSError as error:
            if address not in optional:
                raise ListenError(_why(address, error)) from error
            if error.errno not in _NO_SUCH_ADDRESS:
                log.warning("address_left_out", address=address, why=_why(address, error))
    return tuple(opened)


async def close_listeners(runner: web.ServerRunner, asked: Collection[str]) -> set[str]:
    """Accept no more where `open_listeners` was *asked* to; return those addresses. Connections that are open go on."""
    closed = set()
    for site in [each for each in runner.sites if isinstance(each, _Site) and each.asked in asked]:
        await site.stop()
        closed.add(site.address)
        if site.asked.startswith("unix:"):
            await asyncio.to_thread(remove_socket, Path(site.asked.removeprefix("unix:")))
    return closed


class _Site(web.BaseSite):
    """Lets a runner close *acceptor* before it closes the connections.

    *asked* is the address that was asked for, empty for a socket that was passed, *address* the one that was given.
    """

    def __init__(self, runner: web.ServerRunner, acceptor: Acceptor, asked: str, address: str) -> None:
        super().__init__(runner)
        self.asked, self.address = asked, address
        self._acceptor = acceptor

    @property
    def name(self) -> str:
        return repr(self._acceptor)

    async def start(self) -> None:
        await super().start()
        self._acceptor.start()

    async def stop(self) -> None:
        self._acceptor.close()
        await super().stop()


async def _serve(runner: web.ServerRunner, listening: socket.socket, asked: str, address: str) -> None:
    server = runner.server
    if not isinstance(server, Connections):
        listening.close()
        raise Bug("the runner has no server that bounds its connections")
    await _Site(runner, Acceptor(listening, server), asked, address).start()


async def _listen_on_socket(runner: web.ServerRunner, address: str) -> str:
    path = Path(address.removeprefix("unix:"))
    listening = socket.socket(socket.AF_UNIX)
    try:
        await asyncio.to_thread(_bind_socket, listening, path)
    except OSError:
        listening.close()
        raise
    await _serve(runner, listening, address, address)
    return address


async def _listen_on_port(runner: web.ServerRunner, address: str) -> str:
    host, _, port = address.rpartition(":")
    bound = int(port)
    found = await asyncio.get_running_loop().getaddrinfo(
        host.strip("[]") or None, bound, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    opened, missing = 0, OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    for family, *_, where in dict.fromkeys(found):
        try:
            # A name may have addresses of both families; they are had under one port, and a machine may lack one of them.
            listening = _bind_port(family, (where[0], bound, *where[2:]))
        except OSError as error:
            if error.errno not in _NO_SUCH_ADDRESS:
                raise
            missing = error
            continue
        opened, bound = opened + 1, listening.getsockname()[1]
        await _serve(runner, listening, address, f"{host}:{bound}")
    if not opened:
        raise missing
    return f"{host}:{bound}"


def _bind_port(family: int, where: tuple[Any, ...]) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        # What an earlier daemon's connections have left in TIME_WAIT is no obstacle.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(where)
    except OSError:
        listening.close()
        raise
    return listening


def _bind_socket(listening: socket.socket, path: Path) -> None:
    """Bind to *path*, in place of a socket that no program listens on."""
    _check_free(path)
    remove_socket(path)
    listening.bind(str(path))
    # Nobody can connect before it listens, so no moment is left in which others could.
    path.chmod(0o600)


def remove_socket(path: Path) -> None:
    """Remove the socket at *path*; whatever else is there stays."""
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()


def _check_free(path: Path) -> None:
    """Refuse a socket that a running program listens on; what else lies there a killed daemon has left.

    Raises:
        OSError: A program listens on it.
    """
    with socket.socket(socket.AF_UNIX) as probe:
        if probe.connect_ex(str(path)) == 0:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _why(address: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"cannot listen on {address}: it is in use{_by(address)}; stop that program, or choose another with --listen"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"cannot listen on {address}: not allowed; ports below 1024 need rights that hostd should not have"
    # From Python 3.13 on, asyncio tells of an address that is not there in words only.
    if error.errno == errno.EADDRNOTAVAIL or "could not bind on any address" in str(error):
        return f"cannot listen on {address}: this machine does not have that address; see 'server.listen' in hostd.yaml"
    return f"cannot listen on {address}: {os.strerror(error.errno) if error.errno else error}"


def _by(address: str) -> str:
    """Return the program that listens on *address*, as far as this user may know."""
    if address.startswith("unix:"):
        return ""
    host, _, port = address.rpartition(":")
    # Another program may have the same port of another address, and a name may stand for several addresses.
    its = {"127.0.0.1", "::1"} if host == "localhost" else {host.strip("[]")}
    try:
        for connection in psutil.net_connections("tcp"):
            if (
                connection.status == psutil.CONN_LISTEN
                and connection.laddr
                and connection.laddr.port == int(port)
                and connection.laddr.ip in its | {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
                and connection.pid
            ):
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    # A daemon keeps what it has open to itself, and has its state folder locked.
    with suppress(OSError):
        if (daemon := holder_of(state_directory().stat())) is not None:
            return f" by hostd (pid {daemon}), as it seems"
    return ""
