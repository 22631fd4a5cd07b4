"""What an engine says is kept, bounded, cleaned, and never slows it."""

import asyncio
from contextlib import aclosing
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.secret import masked
from hostd.supervisor.process.log_ring import CUT, LONGEST_LINE, LogRing


def test_keeps_the_last_lines_and_counts_all() -> None:
    """A full ring forgets the oldest lines and still knows how many there were."""
    ring = LogRing(capacity_lines=3)
    ring.feed(b"one\ntwo\nthree\nfour\n")
    assert ["two", "three", "four"] == ring.lines()
    assert ("three", "four") == ring.tail(2)
    assert [] == ring.lines(0)
    assert 4 == ring.count
    assert "<LogRing 3 of 4 lines, 0 followers>" == repr(ring)


def test_is_bounded_in_bytes() -> None:
    """Many long lines are kept up to the byte limit, whatever the limit of lines."""
    ring = LogRing(capacity_lines=1000, capacity_bytes=100)
    ring.feed(b"x" * 40 + b"\n" + b"y" * 40 + b"\n" + b"z" * 40 + b"\n")
    assert ["y" * 40, "z" * 40] == ring.lines()


def test_cuts_an_endless_line_and_recovers_at_its_end() -> None:
    """A line that is longer than 8 KiB is cut and marked, and the next one is whole again."""
    ring = LogRing()
    for _ in range(5):
        ring.feed(b"x" * 4096)
    ring.feed(b"\nnext\n")
    assert ["x" * LONGEST_LINE + CUT, "next"] == ring.lines()


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"\x1b[31mred\x1b[0m", "red"),
        (b"\x1b]0;title\x07text", "text"),
        (b"a\x00b\x07c\x7fd\te", "abcd\te"),
        (b"caf\xc3\xa9 \xff", "café \ufffd"),
        ("user\u202etxt".encode(), "usertxt"),
    ],
)
def test_cleans_what_a_terminal_would_act_upon(raw: bytes, shown: str) -> None:
    """Escapes and control characters are removed, and invalid UTF-8 is replaced."""
    ring = LogRing()
    ring.feed(raw + b"\n")
    assert [shown] == ring.lines()


def test_takes_a_carriage_return_for_the_end_of_a_line() -> None:
    """A progress bar becomes lines, and CRLF is one line's end even when it is torn apart."""
    ring = LogRing()
    ring.feed(b"10%\r20%\r")
    ring.feed(b"\ndone\r\n")
    assert ["10%", "20%", "done"] == ring.lines()


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_pieces_do_not_matter(data: bytes, cuts: list[int]) -> None:
    """However the bytes arrive, the lines are the same."""
    whole, pieces = LogRing(), LogRing()
    whole.feed(data)
    edges = [0, *sorted(cuts), len(data)]
    for start, end in pairwise(edges):
        pieces.feed(data[start:end])
    whole.flush()
    pieces.flush()
    assert whole.lines() == pieces.lines()


async def test_several_followers_read_the_same_lines() -> None:
    """Each follower gets what was kept, as far as it asked, and everything since, until the ring is closed."""
    ring = LogRing()
    ring.feed(b"old\nolder\n")

    async def read(last: int) -> list[str]:
        return [line async for line in ring.follow(last)]

    first, second = asyncio.create_task(read(1)), asyncio.create_task(read(0))
    await asyncio.sleep(0)
    ring.feed(b"new\n")
    await asyncio.sleep(0)
    ring.feed(b"last")
    ring.close()
    assert ["older", "new", "last"] == await first
    assert ["new", "last"] == await second


async def test_a_slow_follower_loses_lines_and_is_told() -> None:
    """A follower that falls behind skips the oldest lines and gets one line that says how many."""
    ring = LogRing(capacity_lines=3)
    async with aclosing(ring.follow(1)) as lines:
        ring.feed(b"first\n")
        assert "first" == await anext(lines)
        ring.feed(b"a\nb\nc\nd\ne\n")
        assert "… 2 lines skipped: this reader is slower than the engine writes" == await anext(lines)
        assert "c" == await anext(lines)
    assert "<LogRing 3 of 6 lines, 0 followers>" == repr(ring)


def test_what_is_secret_is_masked_whatever_pieces_it_comes_in() -> None:
    """The key of a launch and the owner's secrets, in lines that are kept and in those that are followed."""
    ring = LogRing()
    ring.feed(b"before the-long-key\n")
    ring.hide(("the-long-key",))
    for piece in (b"got the-lo", b"ng-key and th", b"e-long-key\n", b"the-long-key"):
        ring.feed(piece)
    ring.flush()
    assert ["before the-long-key", "got *** and ***", "***"] == ring.lines()


def test_a_line_is_kept_as_the_engines_filter_leaves_it() -> None:
    """After masking, and not at all where nothing is left of it."""
    ring = LogRing()
    ring.hide(["the-long-key"], lambda line: line.partition(" quoting ")[0] if "all of it" not in line else "")
    ring.feed(b"a the-long-key quoting words\nall of it\nb\n")
    assert [f"a {masked('the-long-key', ['the-long-key'])}", "b"] == ring.lines()
