"""Packed answers: what they unpack to, however they are cut, and what is no whole one."""

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.backends.http.encoding import MAX_PER_READ, Unpacker
from hostd.backends.http.errors import AnswerError


def bare(data: bytes) -> bytes:
    """Return *data* deflated without zlib's wrapping."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def members(data: bytes) -> bytes:
    """Return *data* as two members of gzip, with padding."""
    half = len(data) // 2
    return gzip.compress(data[:half]) + gzip.compress(data[half:]) + bytes(7)


PACKED = st.sampled_from([("gzip", gzip.compress), ("x-gzip", members), ("deflate", zlib.compress), ("deflate", bare)])
Packed = tuple[str, Callable[[bytes], bytes]]


@given(PACKED, st.binary(max_size=200), st.lists(st.integers(1, 9), max_size=60))
def test_it_unpacks_the_same_however_it_is_cut(packed: Packed, data: bytes, sizes: list[int]) -> None:
    """Heads of two bytes may come in two reads, and a second member in the middle of one."""
    encoding, pack = packed
    rest, unpacker, got = pack(data), Unpacker(encoding), b""
    for size in [*sizes, len(rest)]:
        got += unpacker.feed(rest[:size])
        rest = rest[size:]
    assert (data, True) == (got + unpacker.feed(rest), unpacker.is_whole)


@given(PACKED, st.binary(min_size=1, max_size=200), st.integers(1, 500))
def test_one_that_breaks_off_is_not_whole(packed: Packed, data: bytes, place: int) -> None:
    """The length of a packed answer may be right although the packer did not get to its end."""
    encoding, pack = packed
    whole = pack(data).rstrip(b"\0") if pack is members else pack(data)
    unpacker = Unpacker(encoding)
    cut = whole[: 1 + place % (len(whole) - 1)] if len(whole) > 2 else whole[:1]
    unpacker.feed(cut)
    between = len(gzip.compress(data[: len(data) // 2]))
    assert unpacker.is_whole == (pack is members and len(cut) == between)


def test_many_pieces_of_one_read_share_a_bound() -> None:
    """A bomb of many members is as large as one of one."""
    bomb = gzip.compress(bytes(MAX_PER_READ // 4)) * 5
    with pytest.raises(AnswerError):
        Unpacker("gzip").feed(bomb)
