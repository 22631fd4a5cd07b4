"""A pseudo terminal with ``hostd top`` in it, and a terminal emulator that reads what it shows."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

pyte = pytest.importorskip("pyte", reason="reads what the program shows")
DEADLINE = 20.0


class Shown:
    """A terminal of *width* and *height* with ``hostd top`` in it, and what stands on its screen."""

    def __init__(self, url: str, width: int, height: int) -> None:
        self._ours, end = pty.openpty()
        self._resize(end, width, height)
        self.before = termios.tcgetattr(end)
        self._end = end
        self._screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self._screen)
        self._url = url
        self.process = self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        environment = {name: text for name, text in os.environ.items() if name not in ("COLUMNS", "LINES")}
        environment |= {"TERM": "xterm-256color", "TZ": "UTC", "LANG": "C.UTF-8"}
        argv, end = [sys.executable, "-m", "hostd", "top", "--url", self._url], self._end
        return subprocess.Popen(argv, env=environment, stdin=end, stdout=end, stderr=end, start_new_session=True)

    @staticmethod
    def _resize(descriptor: int, width: int, height: int) -> None:
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    @property
    def lines(self) -> list[str]:
        """The screen's lines without the blanks at their ends, with a port and a time that are always the same."""
        # What takes two places is followed by a place with nothing in it.
        cells, width = self._screen.buffer, range(self._screen.columns)
        found = ["".join(cells[at][place].data for place in width) for at in range(self._screen.lines)]
        first = re.sub(r"127.0.0.1:\d{5}", "127.0.0.1:11435", re.sub(r" \d\d:\d\d:\d\d$", " 08:30:00", found[0]))
        return [line.rstrip() for line in (first, *found[1:])]

    def wait(self, shown: Callable[[list[str]], bool]) -> list[str]:
        """Return the lines once they are as *shown* says."""
        end = time.monotonic() + DEADLINE
        while not shown(self.lines):
            assert time.monotonic() < end, "\n".join(self.lines)
            self._read(0.1)
        return self.lines

    def press(self, keys: str) -> None:
        """Type *keys*."""
        os.write(self._ours, keys.encode())

    def resize(self, width: int, height: int) -> None:
        """Give the terminal another size."""
        self._screen.resize(height, width)
        self._resize(self._end, width, height)
        # A terminal tells the program in its foreground, which has none here.
        self.process.send_signal(signal.SIGWINCH)

    def left(self) -> int:
        """Return with which code the program has ended; the terminal is as it was."""
        end = time.monotonic() + DEADLINE
        while self.process.poll() is None and time.monotonic() < end:
            self._read(0.05)
        assert self.before == termios.tcgetattr(self._end)
        return self.process.wait(1)

    def close(self) -> None:
        """End whatever is left."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._ours)
        os.close(self._end)

    def _read(self, seconds: float) -> None:
        if select.select([self._ours], [], [], seconds)[0]:
            self._stream.feed(os.read(self._ours, 65536))


@contextmanager
def shown(url: str, width: int, height: int) -> Iterator[Shown]:
    """Show it in a terminal of a size."""
    terminal = Shown(url, width, height)
    try:
        yield terminal
    finally:
        terminal.close()
