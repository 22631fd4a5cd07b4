"""No more of a file is read than its header needs, and never more than a bound."""

import struct
from dataclasses import dataclass, field

import pytest

from hostd.models.errors import ModelUnreadable
from hostd.models.partial_read import MOST, read_header
from hostd.planning.formats import gguf
from hostd.planning.formats.gguf import NeedMore
from hostd.planning.formats.safetensors import parse_safetensors
from tests.models import weights


@dataclass
class Memory:
    """Bytes as a source; *told* whether it knows its size."""

    content: bytes
    begin: int = 64
    told: bool = True
    label: str = "m.gguf"
    size: int | None = None
    reads: list[tuple[int, int]] = field(default_factory=list)

    def read(self, first: int, stop: int) -> bytes:
        """Return a piece, and note it."""
        self.reads.append((first, stop))
        self.size = len(self.content) if self.told else None
        return self.content[first:stop]


def test_one_piece_is_enough_where_the_header_fits() -> None:
    """What was read beyond the header is dropped."""
    source = Memory(weights.gguf(), begin=1 << 20)
    read = read_header(source, gguf.parse)
    assert ([(0, 1 << 20)], read.header.data_offset) == (source.reads, len(read.data))


def test_pieces_double_and_join() -> None:
    """Each piece begins where the last one ended, and at least doubles what is there."""
    source = Memory(weights.gguf(vocabulary=1000))
    read_header(source, gguf.parse)
    assert source.reads == sorted(source.reads)
    assert all(
        one[1] == other[0] and (other[1] >= 2 * one[1] or other[1] == source.size)
        for one, other in zip(source.reads, source.reads[1:], strict=False)
    )


def test_what_the_parser_asks_for_is_read_at_once() -> None:
    """A safetensors header says its length, so two pieces are enough for any."""
    source = Memory(weights.safetensors({f"layers.{number}.w": (2, 2) for number in range(500)}))
    read_header(source, parse_safetensors)
    assert 2 == len(source.reads)


@pytest.mark.parametrize("told", [True, False])
def test_a_file_that_ends_in_its_header_is_cut_off(told: bool) -> None:
    """Whether or not the size was known before."""
    with pytest.raises(ModelUnreadable, match="cut short"):
        read_header(Memory(weights.gguf(vocabulary=1000)[:500], told=told), gguf.parse)


def test_without_a_size_the_end_of_the_bytes_is_the_end() -> None:
    """A source that tells no size may still be short."""
    content = weights.gguf()
    assert len(content) == read_header(Memory(content, begin=1 << 20, told=False), gguf.parse).size


def test_a_header_without_end_is_refused() -> None:
    """A header that claims more than any model has is not fetched."""
    source = Memory(struct.pack("<Q", MOST + 1) + b"{", told=False, begin=8)
    with pytest.raises(ModelUnreadable, match=r"more than 64\.0 MiB; no known model"):
        read_header(source, lambda *_: NeedMore(MOST + 1))
    assert 1 == len(source.reads)


def test_a_refusal_names_the_file() -> None:
    """The parser knows no names; the sentence has one."""
    with pytest.raises(ModelUnreadable, match=r"^m\.gguf: "):
        read_header(Memory(b"<html>" + bytes(99)), gguf.parse)


def test_a_parser_that_never_has_enough_is_not_fed_for_ever() -> None:
    """When the file has ended, there is no more to wish for."""
    with pytest.raises(ModelUnreadable, match="ends after 99 bytes, within its own header"):
        read_header(Memory(bytes(99)), lambda data, _: NeedMore(len(data) + 1))
