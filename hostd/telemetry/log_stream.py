"""The stream of log lines: a thread writes them, so that a reader that takes none holds up nothing but its own lines."""

import os
import select
import threading
from collections import deque
from typing import TextIO

_CAPACITY = 1 << 20  # bytes that wait for a reader; some thousand lines
_RETRY = 1.0  # seconds until the next try to write where one failed


class LogStream:
    """Keeps up to *capacity* bytes of lines until their reader takes them; later lines are left out, counted and told.

    It writes to the descriptor itself: a thread that is held up inside a buffered stream would keep its lock, and
    Python could not exit.
    """

    def __init__(self, descriptor: int, capacity: int = _CAPACITY) -> None:
        self._descriptor = descriptor
        self._capacity = capacity
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._left_out = 0
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._write_on, name="log", daemon=True)
        self._thread.start()

    def write(self, text: str) -> int:
        """Take one or more whole lines; never wait for the reader."""
        line = text.encode("utf-8", "backslashreplace")
        with self._changed:
            # Once lines are left out, all are until the reader has caught up: so what was left out is one gap, told in its place.
            if self._left_out or self._size + len(line) > self._capacity:
                self._left_out += text.count("\n")
            else:
                self._lines.append(line)
                self._size += len(line)
                self._changed.notify()
        return len(text)

    def flush(self) -> None:
        """Wait for nothing: the thread writes each line at once."""

    def close(self, within: float = 1.0) -> None:
        """Write what is left, for *within* seconds at most; a reader that takes nothing must not keep the process."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(within)

    def _write_on(self) -> None:
        while (following := self._next()) is not None:
            self._write_whole(*following)

    def _next(self) -> tuple[bytes, int] | None:
        """Return what is to be written next and how many lines are lost with it; None when closed and done."""
        with self._changed:
            while not self._lines:
                if self._left_out:
                    count, self._left_out = self._left_out, 0
                    return f"hostd: {count} log lines were left out: nobody read them in time\n".encode(), count
                if self._closed:
                    return None
                self._changed.wait()
            line = self._lines.popleft()
            self._size -= len(line)
            return line, line.count(b"\n")

    def _write_whole(self, line: bytes, count: int) -> None:
        while line:
            try:
                line = line[os.write(self._descriptor, line) :]
            except BlockingIOError:
                # Whoever shares the terminal may have made it non-blocking.
                select.select([], [self._descriptor], [], 1.0)
            except OSError:
                # A full disk, a reader that is gone, a terminal that was closed: the line is lost, and perhaps the next is not.
                self._lose(count)
                return

    def _lose(self, count: int) -> None:
        with self._changed:
            self._left_out += count
            if not self._closed:
                self._changed.wait(_RETRY)
            if self._closed:
                self._left_out = 0
                self._lines.clear()


def as_stream(stream: TextIO) -> LogStream | None:
    """Return a log stream to where *stream* writes, None where that is no file of the system."""
    try:
        return LogStream(stream.fileno())
    except (OSError, ValueError):
        return None
