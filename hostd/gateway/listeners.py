"""Listens on TCP addresses and unix sockets; says why and what to do where an address cannot be had."""

import asyncio
import errno
import os
import socket
from collections.abc import Iterable
from pathlib import Path

import psutil
from aiohttp import web

from hostd.domain.errors import HostdError


class ListenError(HostdError):
    """An address cannot be listened on."""

    code = "cannot_listen"


def base_url(address: str) -> str:
    """Return the URL under which *address* is reached from this machine."""
    if address.startswith("unix:"):
        return address
    host, _, port = address.rpartition(":")
    return f"http://{'127.0.0.1' if host in ('', '0.0.0.0', '*') else host}:{port}"  # noqa: S104 - compared, not bound


async def open_listeners(runner: web.ServerRunner, addresses: Iterable[str]) -> tuple[str, ...]:
    """Listen on every one of *addresses*; return them with the ports that were really given (port 0 means any).

    Raises:
        ListenError: One of them cannot be had; says why and what to do.
    """
    opened = []
    for address in addresses:
        listen = _listen_on_socket if address.startswith("unix:") else _listen_on_port
        try:
            opened.append(await listen(runner, address))
        except OSError as error:
            raise ListenError(_why(address, error)) from error
    return tuple(opened)


async def _listen_on_socket(runner: web.ServerRunner, address: str) -> str:
    path = Path(address.removeprefix("unix:"))
    await asyncio.to_thread(_check_free, path)
    await web.UnixSite(runner, str(path)).start()
    await asyncio.to_thread(path.chmod, 0o660)
    return address


async def _listen_on_port(runner: web.ServerRunner, address: str) -> str:
    host, _, port = address.rpartition(":")
    await web.TCPSite(runner, host.strip("[]") or None, int(port), backlog=1024).start()
    return f"{host}:{runner.addresses[-1][1]}"


def _check_free(path: Path) -> None:
    """Refuse a socket that a running program listens on: asyncio would remove it, taking it for one that a killed daemon left.

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
    port = int(address.rpartition(":")[2])
    try:
        for connection in psutil.net_connections("tcp"):
            if (
                connection.status == psutil.CONN_LISTEN
                and connection.laddr
                and connection.laddr.port == port
                and connection.pid
            ):
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    return ""
