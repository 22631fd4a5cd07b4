"""What hostd says to systemd's logind, and hears from it, on the system bus: all of it blocks. Nothing else uses `jeepney`."""

from collections import deque
from contextlib import suppress
from socket import SHUT_RDWR
from typing import Any

from jeepney import (  # type: ignore[import-untyped]  # the package has no types and no stubs
    DBusAddress,
    HeaderFields,
    MatchRule,
    Properties,
    message_bus,
    new_method_call,
)
from jeepney.io.blocking import open_dbus_connection  # type: ignore[import-untyped]
from jeepney.wrappers import unwrap_msg  # type: ignore[import-untyped]

NAME = "org.freedesktop.login1"
_MANAGER = DBusAddress("/org/freedesktop/login1", NAME, "org.freedesktop.login1.Manager")
_SLEEPS = MatchRule(type="signal", interface=_MANAGER.interface, member="PrepareForSleep", path=_MANAGER.object_path)
_ANSWERS_WITHIN = 10.0


class LogindBus:
    """A connection of its own, which hears of each sleep of the machine.

    Raises whatever `jeepney` does where there is no bus or no logind, or where this user may not ask it.
    """

    def __init__(self) -> None:
        self._bus = open_dbus_connection("SYSTEM", enable_fds=True)
        self._announcements: deque[Any] = deque()
        self._bus.filter(_SLEEPS, queue=self._announcements)
        self._ask(message_bus.AddMatch(_SLEEPS))

    def longest_delay(self) -> float:
        """Return for how many seconds logind waits for programs that hold a lock."""
        return float(self._ask(Properties(_MANAGER).get("InhibitDelayMaxUSec"))[0][1]) / 1e6

    def take_lock(self) -> int:
        """Return the descriptor of a lock that delays the machine's sleep until it is closed."""
        what = ("sleep", "hostd", "Models are unloaded from graphics cards", "delay")
        return int(self._ask(new_method_call(_MANAGER, "Inhibit", "ssss", what))[0].to_raw_fd())

    def next_announcement(self) -> bool:
        """Wait for logind's next word: True that the machine is about to sleep, False that it is awake again."""
        while True:
            said = self._bus.recv_until_filtered(self._announcements)
            # Any program may send a signal of that name to this one.
            if said.header.fields.get(HeaderFields.sender) == self._ask(message_bus.GetNameOwner(NAME))[0]:
                return bool(said.body[0])

    def shut(self) -> None:
        """End whatever waits; may be called from any thread."""
        with suppress(OSError):
            self._bus.sock.shutdown(SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self._bus.close()

    def _ask(self, message: Any) -> Any:
        return unwrap_msg(self._bus.send_and_get_reply(message, timeout=_ANSWERS_WITHIN))
