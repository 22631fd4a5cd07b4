"""The stream of log lines: a thread writes them, so that a reader that takes none holds up nothing but its own lines."""

import errno
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from typing import TextIO

_CAPACITY = 1 << 20  # bytes that wait for a reader; some thousand lines
_RETRY = 1.0  # seconds until the next try to write where one failed


def _left_out(lines: int) -> bytes:
    return f"hostd: {lines} log lines were left out: nobody read them in time\n".encode()


class LogStream:
    """Keeps up to *capacity* bytes of lines until their reader takes them; later lines are left out, counted and told.

    It writes to the descriptor itself: a thread that is held up inside a buffered stream would keep its lock, and
    Python could not exit. What `tell_left_out` returns for a number of lines is written in their place.
    """

    def __init__(self, descriptor: int, capacity: int = _CAPACITY) -> None:
        self.tell_left_out: Callable[[int], bytes] = _left_out
        self._descriptor = descriptor
        self._capacity = capacity
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._left_out = 0
        self._closing = threading.Event()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._write_on, name="log", daemon=True)
        self._thread.start()

    def write(self, text: str | bytes) -> int:
        """Take one or more whole lines, or an entry of the journal; never wait for the reader."""
        line = text.encode("utf-8", "backslashreplace") if isinstance(text, str) else text
        with self._changed:
            # Once lines are left out, all are until the reader has caught up: so what was left out is one gap, told in its place.
            if self._left_out or self._size + len(line) > self._capacity:
                self._left_out += text.count("\n") if isinstance(text, str) else 1
            else:
                self._lines.append(line)
                self._size += len(line)
            # In either case: a line that is larger than the capacity is left out while nothing else waits.
            self._changed.notify()
        return len(text)

    def flush(self) -> None:
        """Wait for nothing: the thread writes each line at once."""

    def fileno(self) -> int:
        """Return the descriptor that is written to."""
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether a terminal shows the lines."""
        return os.isatty(self._descriptor)

    def close(self, within: float = 1.0) -> None:
        """Write what is left, for *within* seconds at most; a reader that takes nothing must not keep the process."""
        self._closing.set()
        with self._changed:
            self._changed.notify()
        self._thread.join(within)

    def _write_on(self) -> None:
        while (line := self._next()) is not None:
            self._write_whole(line)

    def _next(self) -> bytes | None:
        """Return what is to be written next, None when closed and done."""
        with self._changed:
            while not self._lines:
                if self._left_out:
                    count, self._left_out = self._left_out, 0
                    return self.tell_left_out(count)
                if self._closing.is_set():
                    return None
                self._changed.wait()
            line = self._lines.popleft()
            self._size -= len(line)
            return line

    def _write_whole(self, line: bytes) -> None:
        """Write *line*, however long the output refuses it: half a line would spoil the next one."""
        while line:
            try:
                line = line[os.write(self._descriptor, line) :]
            except BlockingIOError:
                # Whoever shares the terminal may have made it non-blocking.
                # poll takes any number, select none above 1023.
                waiting = select.poll()
                waiting.register(self._descriptor, select.POLLOUT)
                waiting.poll(1000)
            except OSError as error:
                if error.errno == errno.EMSGSIZE:
                    # An entry that the journal never takes.
                    return
                # A full disk, a reader that is gone, a terminal that was closed: there may be space or a reader again.
                if self._closing.wait(_RETRY):
                    return


def as_stream(stream: TextIO) -> LogStream | None:
    """Return a log stream to where *stream* writes, None where that is no file of the system."""
    try:
        return LogStream(stream.fileno())
    except (OSError, ValueError):
        return None
