"""A bus of one's own, and a program on it that answers as logind does: for what a real one does not do when it is asked."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import SHUT_RDWR
from typing import Any

import pytest
from jeepney import (  # type: ignore[import-untyped]
    DBusAddress,
    HeaderFields,
    MessageType,
    message_bus,
    new_method_return,
    new_signal,
)
from jeepney.io.blocking import open_dbus_connection  # type: ignore[import-untyped]

from hostd.service.logind_bus import NAME

_CONFIG = """<busconfig><type>system</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default">
<allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/>
</policy></busconfig>
"""
_OBJECT = DBusAddress("/org/freedesktop/login1", NAME, "org.freedesktop.login1.Manager")


@contextmanager
def bus(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run a message bus that stands for the system's."""
    if not shutil.which("dbus-daemon"):
        pytest.skip("dbus-daemon is not installed")
    socket, config = folder / "bus", folder / "bus.conf"
    config.write_text(_CONFIG.format(socket=socket))
    argv = ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as daemon:
        try:
            assert daemon.stdout is not None
            daemon.stdout.readline()
            monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={socket}")
            yield
        finally:
            daemon.terminate()


class Login1:
    """Answers for locks and the delay; *locks* are the other ends of those that it gave, which end when a lock is closed."""

    def __init__(self, name: str | None = NAME) -> None:
        self.locks: list[int] = []
        self.asked: list[tuple[Any, ...]] = []
        self._bus = open_dbus_connection("SYSTEM", enable_fds=True)
        if name is not None:
            self._bus.send_and_get_reply(message_bus.RequestName(name))
        self.name = str(self._bus.unique_name)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def say(self, sleeps: bool, to: str | None = None) -> None:
        """Announce a sleep, or its end; *to* one program alone where that is said."""
        signal = new_signal(_OBJECT, "PrepareForSleep", "b", (sleeps,))
        if to is not None:
            signal.header.fields[HeaderFields.destination] = to
        self._bus.send(signal)

    def close(self) -> None:
        """Leave the bus."""
        with suppress(OSError):
            self._bus.sock.shutdown(SHUT_RDWR)
        self._thread.join()
        self._bus.close()
        for lock in self.locks:
            os.close(lock)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                said = self._bus.receive()
                if said.header.message_type is not MessageType.method_call:
                    continue
                member = said.header.fields[HeaderFields.member]
                self.asked.append((member, *said.body, said.header.fields[HeaderFields.sender]))
                if member == "Inhibit":
                    mine, theirs = os.pipe()
                    self.locks.append(mine)
                    self._bus.send(new_method_return(said, "h", (theirs,)))
                    os.close(theirs)
                else:
                    self._bus.send(new_method_return(said, "v", (("t", 3_000_000),)))
