"""A terminal that a test holds the other end of."""

import os
import pty
import select
from time import monotonic
from typing import Self

DEADLINE = 30.0


class Terminal:
    """A pseudo terminal; *end* is what a child uses as its standard streams."""

    def __init__(self) -> None:
        self._ours, self.end = pty.openpty()
        self._unread = ""

    def write(self, text: str) -> None:
        """Type *text*."""
        os.write(self._ours, text.encode())

    def wait_for(self, text: str) -> None:
        """Return once *text* has been shown after what was waited for last; fail at the deadline."""
        deadline = monotonic() + DEADLINE
        while text not in self._unread:
            ready, _, _ = select.select([self._ours], [], [], max(0.0, deadline - monotonic()))
            assert ready, f"{text!r} was not shown, only {self._unread!r}"
            self._unread += os.read(self._ours, 65536).decode(errors="replace")
        self._unread = self._unread.partition(text)[2]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._ours)
        os.close(self.end)
