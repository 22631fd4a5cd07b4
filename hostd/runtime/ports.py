"""Loopback ports for engines, so that two engines started together are never sent to the same one."""

import socket
import time

QUARANTINE = 60.0
_given: dict[int, float] = {}


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing listens on and that was not handed out in the last minute.

    Another program may still take it before the engine does; the engine then dies with `port_taken`, and the next start
    asks for another.

    Raises:
        OSError: The machine has no free port.
    """
    now = time.monotonic()
    for port in [port for port, given in _given.items() if now - given > QUARANTINE]:
        del _given[port]
    # Refused sockets stay open until the search ends, or the kernel might offer the same port again and again.
    refused: list[socket.socket] = []
    try:
        while True:
            probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            refused.append(probe)
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
            if port not in _given:
                _given[port] = now
                return port
    finally:
        for probe in refused:
            probe.close()
