"""Who listens on an engine's port: the engine that hostd started, or a program that took the port before it did.

A port of loopback belongs to whoever binds it first, every user of the machine included, and an engine's port is to be read on its
command line. So neither its key nor a prompt is sent there until the listening socket was seen among the open files of the engine's
own processes. The engine then holds the port for as long as that file stays open, which one look tells before each connection.
"""

import ipaddress
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil

_PROC = Path("/proc")
_LISTEN = "0A"
"""How the kernel's tables write the state of a listening socket (include/net/tcp_states.h)."""
_REACHED_BY_LOOPBACK = frozenset(
    ipaddress.ip_address(text)
    for text in ("127.0.0.1", "0.0.0.0", "::", "::ffff:127.0.0.1", "::ffff:0.0.0.0")  # noqa: S104
)


class Listening(StrEnum):
    """Who has the port."""

    NOBODY = "nobody"
    ENGINE = "engine"
    STRANGER = "stranger"


class ListeningSocket:
    """The socket on *port* of 127.0.0.1; *family* yields the pids of the engine's processes, and may block."""

    def __init__(self, port: int, family: Callable[[], Iterable[int]], proc: Path = _PROC) -> None:
        self.port = port
        self._family = family
        self._proc = proc
        self._files: tuple[tuple[Path, str], ...] = ()
        self._holder: int | None = None

    def __repr__(self) -> str:
        return f"<ListeningSocket {self.port} {'held' if self.is_held else 'not held'} by the engine>"

    def look(self) -> Listening:
        """Return who listens now. Blocks for milliseconds, longer on a machine with many sockets.

        Where the system does not show other users' sockets (macOS), a stranger looks like nobody.
        """
        return self._look_on_macos() if sys.platform == "darwin" else self._look_in_proc()

    @property
    def is_held(self) -> bool:
        """Whether the engine still holds what the last look found; microseconds on Linux."""
        if self._holder is not None:
            return _holds(self._holder, self.port)
        # A file that was closed may have its number reused, so what it is counts, not that it is there.
        return bool(self._files) and all(_target(file) == socket for file, socket in self._files)

    def _look_in_proc(self) -> Listening:
        sockets = {f"socket:[{inode}]" for inode in listening(self.port, self._proc)}
        if not sockets:
            return Listening.NOBODY
        found = {}
        for file in self._open_files():
            if (socket := _target(file)) in sockets:
                found[socket] = file
                if len(found) == len(sockets):
                    self._files = tuple((file, socket) for socket, file in found.items())
                    return Listening.ENGINE
        return Listening.STRANGER

    def _open_files(self) -> Iterator[Path]:
        for pid in self._family():
            folder = self._proc / str(pid) / "fd"
            with suppress(OSError):
                yield from [folder / name for name in os.listdir(folder)]  # noqa: PTH208 - half the time of pathlib's

    def _look_on_macos(self) -> Listening:
        self._holder = next((pid for pid in self._family() if _holds(pid, self.port)), None)
        return Listening.NOBODY if self._holder is None else Listening.ENGINE


@dataclass(frozen=True, slots=True)
class _Row:
    """One listening socket of the kernel's tables."""

    inode: int
    user: int


def listening(port: int, proc: Path = _PROC) -> set[int]:
    """Return the inodes of the sockets that a connection to *port* of 127.0.0.1 may reach."""
    return {row.inode for row in _rows(port, proc)}


def owner_of(port: int, proc: Path = _PROC) -> str:
    """Return who has *port*, in words for a message, as far as the system tells."""
    users = sorted({row.user for row in _rows(port, proc)})
    return f"a program of user {users[0]}" if users else "another program"


def _rows(port: int, proc: Path) -> Iterator[_Row]:
    for table in ("net/tcp", "net/tcp6"):
        try:
            lines = (proc / table).read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            # proc(5): number, local address, remote address, state, three of queues and timers, user, timeout, inode.
            words = line.split()
            address, _, number = words[1].rpartition(":")
            if words[3] == _LISTEN and int(number, 16) == port and _address(address) in _REACHED_BY_LOOPBACK:
                yield _Row(inode=int(words[9]), user=int(words[7]))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the address that the kernel wrote as 32-bit words of this machine's own byte order."""
    words = [int(text[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(text), 8)]
    return ipaddress.ip_address(b"".join(words))


def _target(file: Path) -> str:
    try:
        return os.readlink(file)  # noqa: PTH115 - text, not a path
    except OSError:
        return ""


def _holds(pid: int, port: int) -> bool:
    with suppress(psutil.Error, OSError):
        for one in psutil.Process(pid).net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN and getattr(one.laddr, "port", None) == port:
                return True
    return False
