"""Server-sent events, as far as relaying them safely needs: whole events only, the bytes untouched.

An event that has not arrived whole is held back, so that an error event can follow at any moment without being glued to half
of another.
"""

import re

_ENDS = (b"\n\n", b"\n\r\n")
BOUNDARY = re.compile(rb"\r?\n\r?\n")


class SseFramer:
    """Gives out whole events of one stream, however its bytes are cut."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return the whole events that *chunk* completes; may be empty."""
        if self._rest:
            chunk = self._rest + chunk
            self._rest = b""
        if not chunk.endswith(b"\n\n"):
            ends = (at + len(mark) for mark in _ENDS if (at := chunk.rfind(mark)) >= 0)
            cut = max(ends, default=0)
            chunk, self._rest = chunk[:cut], chunk[cut:]
        return chunk


def data_lines(events: bytes) -> int:
    """Return how many lines of data whole *events* hold. Within JSON a line break is escaped, so that text is never counted."""
    return events.count(b"\ndata:") + events.startswith(b"data:")
