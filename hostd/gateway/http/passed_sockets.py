"""Listening sockets that systemd holds and hands over: sd_listen_fds(3)."""

import os
import socket
from collections.abc import Collection, MutableMapping
from ipaddress import ip_address

from hostd.domain.errors import HostdError

_FIRST = 3
_COUNT, _PID, _NAMES = "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"
_LOCALHOST = ("127.0.0.1", "[::1]")


class UnusableSocket(HostdError):
    """A socket that was handed over is none that hostd may listen on."""

    code = "cannot_listen"


def take_passed_sockets(environ: MutableMapping[str, str] = os.environ, first: int = _FIRST) -> list[socket.socket]:
    """Return the sockets that this process was started with, from descriptor *first* on; no program that it starts gets them.

    Raises:
        UnusableSocket: One of them does not listen, or others than this machine reach it.
    """
    count, pid = environ.pop(_COUNT, ""), environ.pop(_PID, "")
    environ.pop(_NAMES, None)
    if pid != str(os.getpid()) or not count.isdecimal():
        return []
    return [_checked(descriptor) for descriptor in range(first, first + int(count))]


def _checked(descriptor: int) -> socket.socket:
    os.set_inheritable(descriptor, False)
    try:
        taken = socket.socket(fileno=descriptor)
    except OSError as error:
        raise UnusableSocket(
            f"descriptor {descriptor}, which systemd hands over, is no socket; use ListenStream="
        ) from error
    if (problem := _problem(taken)) is not None:
        taken.close()
        raise UnusableSocket(problem)
    return taken


def _problem(taken: socket.socket) -> str | None:
    if taken.type != socket.SOCK_STREAM or not taken.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return f"systemd hands over {address_of(taken)}, which listens for no connections; use ListenStream="
    if taken.family != socket.AF_UNIX and not ip_address(taken.getsockname()[0]).is_loopback:
        return (
            f"systemd hands over {address_of(taken)}, which other machines reach; hostd listens on loopback addresses and unix "
            f"sockets only: change ListenStream= in hostd.socket"
        )
    return None


def address_of(listening: socket.socket) -> str:
    """Return where *listening* listens, as it would be written in the configuration."""
    name = listening.getsockname()
    if listening.family == socket.AF_UNIX:
        return f"unix:{name}"
    return f"[{name[0]}]:{name[1]}" if listening.family == socket.AF_INET6 else f"{name[0]}:{name[1]}"


def covers(opened: Collection[str], address: str) -> bool:
    """Return whether one of *opened* is what *address* asks for."""
    host, _, port = address.rpartition(":")
    return not {f"{each}:{port}" for each in (_LOCALHOST if host == "localhost" else (host,))}.isdisjoint(opened)
