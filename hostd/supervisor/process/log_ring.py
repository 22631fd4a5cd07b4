"""The end of an engine's output, kept in bounded memory.

hostd reads every byte that an engine writes, so that a full pipe never stops it, and keeps only the end: for the error that
explains an exit, for `hostd show`, and for `hostd logs -f`. A reader that is too slow loses lines and is told so; the engine never
waits for it.
"""

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable

from hostd.domain.control_characters import CONTROL
from hostd.domain.secret import masked

LONGEST_LINE = 8 * 1024
CUT = " … (line cut)"
_BREAK = re.compile(rb"[\r\n]+")
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")


def readable(line: bytes) -> str:
    """Return *line* as text that is safe to show in a terminal: no escapes, no control characters, bad UTF-8 replaced."""
    return CONTROL.sub("", _ESCAPE.sub("", line.decode("utf-8", "replace")))


class LogRing:
    """The last *capacity_lines* lines, and at most about *capacity_bytes* of them; blank lines are not kept.

    A carriage return ends a line too: progress bars are written that way.
    """

    def __init__(self, capacity_lines: int = 1000, capacity_bytes: int = 1 << 20) -> None:
        self.capacity_lines = capacity_lines
        self.capacity_bytes = capacity_bytes
        self.count = 0
        self._lines: deque[str] = deque()
        self._size = 0
        self._partial = b""
        self._cut = False
        self._followers: set[_Follower] = set()
        self._closed = False
        self._secrets: tuple[str, ...] = ()
        self._quoted: Callable[[str], str] = str

    def __repr__(self) -> str:
        return f"<LogRing {len(self._lines)} of {self.count} lines, {len(self._followers)} followers>"

    def hide(self, secrets: Iterable[str], quoted: Callable[[str], str] = str) -> None:
        """Mask *secrets* in all that the engine prints from now on, and keep of each line what *quoted* returns."""
        self._secrets, self._quoted = tuple(secrets), quoted

    def feed(self, data: bytes) -> None:
        """Add output of the engine, in pieces of any size."""
        # The last piece has no line break yet; the next output continues it.
        *whole, rest = _BREAK.split(data)
        for piece in whole:
            self._take(piece)
            self.flush()
        self._take(rest)

    def flush(self) -> None:
        """End an unfinished line: no more output will finish it."""
        partial, cut = self._partial, self._cut
        self._partial, self._cut = b"", False
        text = self._quoted(masked(readable(partial).rstrip(), self._secrets))
        if text:
            self._append(text + CUT if cut else text)

    def lines(self, n: int | None = None) -> list[str]:
        """Return the last *n* lines, oldest first; all that are kept when *n* is None."""
        return list(self._lines)[-n:] if n else ([] if n == 0 else list(self._lines))

    def tail(self, n: int = 20) -> tuple[str, ...]:
        """Return the last *n* lines, oldest first, as an error carries them."""
        return tuple(self.lines(n))

    async def follow(self, last: int = 0) -> AsyncGenerator[str, None]:
        """Yield the *last* lines that are kept, then every new one until the ring is closed.

        A reader that falls more than `capacity_lines` behind skips the oldest and gets one line that says how many.
        """
        follower = _Follower(self.lines(last), self.capacity_lines)
        self._followers.add(follower)
        try:
            while True:
                for line in follower.take():
                    yield line
                if self._closed and not follower.waiting:
                    return
                await follower.ready.wait()
        finally:
            self._followers.discard(follower)

    def close(self) -> None:
        """End every `follow`; what is kept stays readable."""
        self.flush()
        self._closed = True
        for follower in self._followers:
            follower.ready.set()

    def _take(self, piece: bytes) -> None:
        # A line without end, such as binary output, must not fill the memory.
        free = LONGEST_LINE - len(self._partial)
        self._cut = self._cut or len(piece) > free
        self._partial += piece[:free]

    def _append(self, line: str) -> None:
        self.count += 1
        self._lines.append(line)
        self._size += len(line)
        while len(self._lines) > self.capacity_lines or self._size > self.capacity_bytes:
            self._size -= len(self._lines.popleft())
        for follower in self._followers:
            follower.put(line)


class _Follower:
    """One reader's bounded backlog."""

    def __init__(self, first: list[str], capacity: int) -> None:
        self.waiting = deque(first, maxlen=capacity)
        self.skipped = 0
        self.ready = asyncio.Event()

    def put(self, line: str) -> None:
        self.skipped += len(self.waiting) == self.waiting.maxlen
        self.waiting.append(line)
        self.ready.set()

    def take(self) -> list[str]:
        lines = list(self.waiting)
        if self.skipped:
            lines.insert(0, f"… {self.skipped} lines skipped: this reader is slower than the engine writes")
        self.waiting.clear()
        self.skipped = 0
        self.ready.clear()
        return lines
