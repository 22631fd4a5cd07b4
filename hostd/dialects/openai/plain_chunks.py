"""Chunks of a stream that only go on with its one choice: nearly all of them, told by how the engine writes them.

To count what the engine writes into each takes a fraction of decoding them; within strings, quotes are escaped.
"""

from typing import NamedTuple

from hostd.dialects.byte_search import contains
from hostd.dialects.openai.prompt_progress import KEY

_TAIL = 2048
"""Bytes at the end of what has come in which the last chunk and [DONE] are looked for."""
_ERROR = b'"error"'
_NEXT = b"\ndata:"


class ChunkMarks(NamedTuple):
    """How an engine writes such chunks of one stream: each begins with *head* and ends with *tail*.

    *counted* is in each of them besides, *foreign* in none, and *finished* in the one that ends the choice. They are *alike* where
    nothing varies but the choice.
    """

    head: bytes
    tail: bytes
    finished: bytes
    counted: tuple[bytes, ...] = ()
    foreign: tuple[bytes, ...] = (_ERROR,)
    alike: bool = True

    def run(self, events: bytes, start: int) -> tuple[int, int]:
        """Return the end of the plain chunks in whole *events* from *start* on, and their number."""
        head, tail = self.head, self.tail
        if not events.startswith(head, start):
            return start, 0
        for word in self.foreign:
            if contains(events, word):
                return start, 0
        end, count = len(events), 1
        if events.find(b"\n", start) != end - 2:
            # The last chunk and [DONE] are looked for where they belong; anywhere else they make the counts differ.
            last = max(start, end - _TAIL)
            at = events.find(self.finished, last)
            at = events.find(b"[DONE]", last) if at < 0 else at
            end = end if at < 0 else events.rfind(b"\n\n", start, at) + 2
            # As many heads that follow a tail as lines with data: so each has its own, and there is nothing else between two.
            count = events.count(tail + head, start, end) + 1
            if events.count(_NEXT, start, end) != count - 1:
                return start, 0
        if end <= start or not events.endswith(tail, start, end):
            return start, 0
        is_plain = not self.counted or all(events.count(word, start, end) == count for word in self.counted)
        return (end, count) if is_plain else (start, 0)


def marks_of(event: bytes, known: ChunkMarks | None) -> ChunkMarks | None:
    """Return the marks of a stream with *event*, a chunk that goes on with one choice; None where it is written in another way.

    They are *known* from a chunk before. Where the two have not the same end, as with OpenAI's ``obfuscation``, that of others is
    not known either, and anything might stand in it.
    """
    start = event.find(b'"delta"')
    start = start if start >= 0 else event.find(b'"text"')
    if start < 0 or not event.startswith(b"data:") or event.find(b"\n") != len(event) - 2:
        return None
    if event.find(b'"choices"', 0, start) < 0:
        return None
    for space in (b"", b" "):
        goes_on = b'"finish_reason":' + space + b"null"
        at = event.find(goes_on)
        if at < 0 or event.find(goes_on, at + 1) >= 0:
            continue
        head, finished = event[:start], b'"finish_reason":' + space + b'"'
        marks = ChunkMarks(head, event[at if at > start else event.find(b"}]", start) :], finished)
        if known is None or known.head != head or known.tail == marks.tail:
            return marks
        return ChunkMarks(head, b"}\n\n", finished, () if at < start else (goes_on,), (_ERROR, KEY), alike=False)
    return None
