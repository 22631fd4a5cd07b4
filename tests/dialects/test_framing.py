"""Whole events come out however the bytes are cut."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.framing import SseFramer, data_lines

EVENTS = [b"data: a\n\n", b":\n\n", b"data: b\r\n\r\n", b"event: x\ndata: {}\n\n"]


@given(st.lists(st.sampled_from(EVENTS), min_size=1), st.sets(st.integers(1, 200)))
def test_gives_out_whole_events(events: list[bytes], cuts: set[int]) -> None:
    """Each feed ends where an event does, and all together are the stream."""
    whole = b"".join(events)
    edges = [0, *sorted(cut for cut in cuts if cut < len(whole)), len(whole)]
    framer, out = SseFramer(), b""
    for start, end in pairwise(edges):
        piece = framer.feed(whole[start:end])
        assert not piece or piece.endswith((b"\n\n", b"\n\r\n"))
        out += piece
    assert whole == out


def test_holds_back_half_an_event() -> None:
    """Until the rest has come."""
    framer = SseFramer()
    assert b"" == framer.feed(b"data: a\n")
    assert b"data: a\n\n" == framer.feed(b"\ndata: b")


def test_counts_lines_of_data() -> None:
    """Comments and names of events are none."""
    assert 3 == data_lines(b"data: a\n\n:\n\nevent: x\ndata: b\n\ndata: c\r\n\r\n")
