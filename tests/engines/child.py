"""A second process of a scripted engine, which holds its memory as the real ones' do: a runner, an EngineCore."""

import os
import signal
from contextlib import suppress
from pathlib import Path


class Child:
    """A forked process in the engine's group. When the engine is killed it stays, as those of the real ones do."""

    def __init__(self) -> None:
        order_read, self._orders = os.pipe()
        self._done, done_write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            # A program of its own would inherit nothing either: neither the port nor a client's connection.
            inherited = {int(each.name) for each in Path("/dev/fd").iterdir()}
            for descriptor in inherited - {0, 1, 2, order_read, done_write}:
                with suppress(OSError):
                    os.close(descriptor)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            _hold(order_read, done_write)
        os.close(order_read)
        os.close(done_write)

    def hold(self, count: int) -> None:
        """Have it hold that many bytes and no more; returns when it does."""
        os.write(self._orders, b"%d\n" % count)
        os.read(self._done, 1)

    def kill(self) -> None:
        """End it, and see it off."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        for pipe in (self._orders, self._done):
            with suppress(OSError):
                os.close(pipe)


def _hold(orders: int, done: int) -> None:
    held = bytearray()
    try:
        with os.fdopen(orders) as lines:
            for line in lines:
                held.clear()
                held += b"\x01" * int(line)
                os.write(done, b".")
        while True:
            signal.pause()
    finally:
        os._exit(0)
