"""Whole events come out however the bytes are cut."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.framing import MAX_EVENT, SseFramer, split_events

EVENTS = [b"data: a\n\n", b":\n\n", b"data: b\r\n\r\n", b"event: x\ndata: {}\n\n", b"data: c\r\r"]


@given(st.lists(st.sampled_from(EVENTS), min_size=1), st.sets(st.integers(1, 200)))
def test_gives_out_whole_events(events: list[bytes], cuts: set[int]) -> None:
    """Each feed ends where an event does, and all together are the stream."""
    whole = b"".join(events)
    edges = [0, *sorted(cut for cut in cuts if cut < len(whole)), len(whole)]
    framer, out = SseFramer(), b""
    for start, end in pairwise(edges):
        piece = framer.feed(whole[start:end])
        assert not piece or piece.endswith((b"\n\n", b"\n\r\n", b"\r\r"))
        out += piece
    assert whole == out
    assert events == list(split_events(whole))


def test_holds_back_half_an_event() -> None:
    """Until the rest has come."""
    framer = SseFramer()
    assert b"" == framer.feed(b"data: a\n")
    assert b"data: a\n\n" == framer.feed(b"\ndata: b")


def test_a_line_that_never_ends_is_not_kept() -> None:
    """Nor is anything that follows it."""
    framer = SseFramer()
    for _ in range(3):
        assert b"" == framer.feed(b"x" * (MAX_EVENT // 2))
    assert framer.overflowed
    assert b"" == framer.feed(b"x\n\n")
