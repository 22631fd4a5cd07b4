"""Server-sent events, as far as relaying them safely needs: whole events only, bounded, the bytes untouched.

An event that has not arrived whole is held back, so that an error event can follow at any moment without being glued to half
of another. Lines may end in LF, CR LF or CR; the standard allows each.
"""

import re
from collections.abc import Iterator

MAX_EVENT = 8 * 1024 * 1024
"""Bytes of one event. Pictures and sound within a chunk have a few megabytes; a line that never ends has no bound."""

_ENDS = (b"\n\n", b"\n\r\n", b"\r\r")
_END = re.compile(rb"\n\n|\n\r\n|\r\r")
_LONGEST_END = 3


class SseFramer:
    """Gives out whole events of one stream, however its bytes are cut.

    *overflowed* says that an event was longer than `MAX_EVENT`; nothing is given out any more.
    """

    __slots__ = ("_begun", "_held", "_last", "overflowed")

    def __init__(self) -> None:
        self.overflowed = False
        # Pieces are joined once per event: glued together one by one, a long event would be copied for each of them.
        self._begun: list[bytes] = []
        self._held = 0
        self._last = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return the whole events that *chunk* completes; may be empty."""
        if not self._begun and chunk.endswith(b"\n\n"):
            return chunk
        # The end of an event may have come in two pieces.
        probe = self._last + chunk
        ends = (at + len(mark) for mark in _ENDS if (at := probe.rfind(mark)) >= 0)
        cut = max(ends, default=0) - len(self._last)
        if cut <= 0 or self.overflowed:
            self._hold(chunk)
            return b""
        events = b"".join((*self._begun, chunk[:cut])) if self._begun else chunk[:cut]
        self._begun, self._held, self._last = [], 0, b""
        self._hold(chunk[cut:])
        return events

    def _hold(self, piece: bytes) -> None:
        if not piece or self.overflowed:
            return
        self._held += len(piece)
        self._begun.append(piece)
        self._last = (self._last + piece[-_LONGEST_END:])[-_LONGEST_END + 1 :]
        if self._held > MAX_EVENT:
            self.overflowed = True
            self._begun = [b""]


def split_events(events: bytes) -> Iterator[bytes]:
    """Yield each of whole *events*, with its end."""
    start = 0
    if events.find(b"\r") < 0:
        while (at := events.find(b"\n\n", start)) >= 0:
            if at > start:
                yield events[start : at + 2]
            start = at + 2
        return
    for end in _END.finditer(events):
        if end.start() > start:
            yield events[start : end.end()]
        start = end.end()
