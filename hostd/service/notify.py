"""Tells systemd of the daemon's state, by datagrams on a unix socket: sd_notify(3)."""

import os
import socket
import time
from collections.abc import MutableMapping
from contextlib import suppress

_SOCKET, _WATCHDOG, _WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
_PATIENCE = 1.0
"""Seconds for the one message without which systemd would take the daemon for one that does not start."""
_LONGEST = 400  # characters of a status, which is shown in one line


class ServiceNotifier:
    """Sends to the socket at *address*, which begins with ``@`` in Linux's abstract namespace; to nobody where it is empty.

    *watchdog* is the time in seconds after which a daemon that sends no `alive` is ended; None where none is waited for.
    """

    def __init__(self, address: str = "", watchdog: float | None = None) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog = watchdog
        self._told: str | None = None

    def __repr__(self) -> str:
        return f"<ServiceNotifier {self._address or 'without systemd'!r}>"

    def __bool__(self) -> bool:
        return bool(self._address)

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str] = os.environ) -> "ServiceNotifier":
        """Return the notifier that systemd asks for, whose variables are taken out of *environ*: they are for no other program."""
        address = environ.pop(_SOCKET, "")
        micros, pid = environ.pop(_WATCHDOG, ""), environ.pop(_WATCHDOG_PID, "")
        watched = micros.isdecimal() and int(micros) > 0 and pid in ("", str(os.getpid()))
        usable = address if address[:1] in ("/", "@") else ""
        return cls(usable, int(micros) / 1e6 if watched and usable else None)

    def ready(self, status: str) -> None:
        """Say that the daemon listens, and how it is."""
        self._send("READY=1", self._status(status), wait=_PATIENCE)

    def status(self, status: str) -> None:
        """Say how the daemon is, unless that was said last."""
        if status != self._told:
            self._send(self._status(status))

    def alive(self) -> None:
        """Say that the daemon works, for the watchdog."""
        self._send("WATCHDOG=1")

    def reloading(self, status: str) -> None:
        """Say that the daemon reads its configuration anew; `ready` ends that."""
        # By that time systemd tells an answer to its own signal from one to an earlier signal; it is lost at a high price, too.
        clock = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={clock}", self._status(status), wait=_PATIENCE)

    def stopping(self, status: str, seconds: float) -> None:
        """Say that the daemon stops, and may take so many *seconds* more until it says so again; see `extend`."""
        self._send("STOPPING=1", f"EXTEND_TIMEOUT_USEC={seconds * 1e6:.0f}", self._status(status))

    def extend(self, status: str, seconds: float) -> None:
        """Say that the daemon still stops, and may take so many *seconds* more: it is killed when they are over without a word."""
        self._send(f"EXTEND_TIMEOUT_USEC={seconds * 1e6:.0f}", self._status(status))

    def _status(self, status: str) -> str:
        self._told = status
        # A line break would begin another assignment.
        return f"STATUS={' '.join(status.split())[:_LONGEST]}"

    def _send(self, *assignments: str, wait: float = 0.0) -> None:
        if not self._address:
            return
        # A socket for each message. Where systemd takes none for a while, that costs the message, not the loop its time.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as messages:
            messages.settimeout(wait)
            messages.connect(self._address)
            messages.send("\n".join(assignments).encode("utf-8", "replace"))
