"""The header parser: real headers, split ones, prefixes, and bytes that mean harm."""

import random
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.planning.formats.gguf import GgufHeader, NeedMore, merge, parse
from hostd.planning.formats.gguf_cursor import GgufError
from tests.planning.stub import model, strings, stub, text

TENSORS = [("token_embd.weight", (64, 100), "q8_0"), ("blk.0.attn_q.weight", (64, 64), "f16")]
GOOD = model("llama", TENSORS, block_count=1, embedding_length=64, attention__head_count=4)
WORDS = strings([b"x" * (number % 11 + 1) for number in range(300)])


def header(data: bytes, file_bytes: int | None = None) -> GgufHeader:
    """Return the header, which is there in full."""
    parsed = parse(data, file_bytes)
    assert isinstance(parsed, GgufHeader)
    return parsed


def raw(tensors: int, keys: int, rest: bytes = b"", magic: bytes = b"GGUF", version: int = 3) -> bytes:
    """Return a header with these counts and anything after them."""
    return struct.pack("<4sIQQ", magic, version, tensors, keys) + rest


def key(kind: int, rest: bytes) -> bytes:
    """Return a header with one key of that type."""
    return raw(0, 1, text("k") + struct.pack("<I", kind) + rest)


def tensor(dims: tuple[int, ...], kind: int, offset: int = 0) -> bytes:
    """Return a header with one tensor."""
    return raw(1, 0, text("t") + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset))


def test_a_header_is_read() -> None:
    """Keys, tensors, their bytes, and where the weights begin and end come out as they went in."""
    found = header(GOOD)
    assert {"general.architecture": "llama", "general.name": "a llama", "llama.block_count": 1, "llama.embedding_length": 64,
            "llama.attention.head_count": 4} == found.keys  # fmt: skip
    assert [("token_embd.weight", 6800, "q8_0"), ("blk.0.attn_q.weight", 8192, "f16")] == [
        (each.name, each.bytes, each.type.name) for each in found.tensors
    ]
    assert len(GOOD) == found.data_offset
    assert len(GOOD) + 6816 + 8192 == found.file_bytes


@pytest.mark.parametrize("version", [2, 3])
def test_both_versions_are_read(version: int) -> None:
    """Versions 2 and 3 differ only in their number."""
    assert version == header(stub({"a": 1}, version=version)).version


def test_every_value_type_is_read() -> None:
    """Numbers, truths, strings and short arrays are kept; arrays of strings and long ones are counted."""
    found = header(
        stub({"n": 7, "f": 0.5, "b": True, "s": "ü", "a": [1, 2], "p": [True, False], "w": WORDS, "l": [0] * 2000})
    )
    assert {"n": 7, "f": 0.5, "b": True, "s": "ü", "a": (1, 2), "p": (True, False)} == found.keys
    assert {"a": 2, "p": 2, "w": 300, "l": 2000} == found.lengths


def test_a_prefix_says_how_much_more_it_takes() -> None:
    """Every prefix of a header asks for more than it has and never for more than the header is; asking again ends."""
    data = stub({"w": WORDS, "a": [1, 2, 3], "s": "end"}, TENSORS)
    end = header(data).data_offset
    for length in range(0, end, 7):
        asked = parse(data[:length])
        if isinstance(asked, NeedMore):
            assert length < asked.bytes <= end


def test_a_file_that_is_cut_short_is_refused() -> None:
    """A file that ends within its weights, or within its header, is an error; one that is a header alone is not."""
    whole = header(GOOD).file_bytes
    assert header(GOOD, whole) == header(GOOD, len(GOOD))
    with pytest.raises(GgufError, match="cut short"):
        parse(GOOD, whole - 1)
    with pytest.raises(GgufError, match="cut short"):
        parse(GOOD[:50], 50)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x93NUMPY\1\0v\0{", "where a GGUF file has 'GGUF'"),
        (b"PK\3\4 and so on, a ZIP file", "this is a packed archive"),
        (raw(0, 0, version=1), "version 1"),
        (struct.pack(">4sIQQ", b"GGUF", 3, 0, 0), "big-endian"),
        (raw(1 << 40, 0), "no real model has so many"),
        (raw(0, 1 << 40), "no real model has so many"),
        (raw(0, 1, struct.pack("<Q", 1 << 62)), "a key's name claims"),
        (raw(0, 2, (text("a") + struct.pack("<II", 4, 1)) * 2), "'a' twice"),
        (key(99, b""), "type 99"),
        (key(8, struct.pack("<Q", 1 << 63)), "'k' claims"),
        (key(9, struct.pack("<IQ", 9, 1)), "array of other arrays"),
        (key(9, struct.pack("<IQ", 77, 1)), "unknown type 77"),
        (key(9, struct.pack("<IQ", 8, 1 << 60)), "strings, more than"),
        (key(9, struct.pack("<IQ", 12, 1 << 61)), "beyond any real header"),
        (key(9, struct.pack("<IQQ", 8, 1, 1 << 50)), "has a string that claims"),
        (stub({"general.alignment": 3}), "no power of two"),
        (raw(1, 0, text("t") + struct.pack("<I", 1 << 31)), "dimensions"),
        (tensor((64,), 4), "type 4"),
        (tensor((64,), 4_000_000_000), "not known or was given up"),
        (tensor((1 << 60, 1 << 60), 0), "more than any disk"),
        (tensor((1 << 32, 1 << 32, 1 << 32, 1 << 32), 0), "more than any disk"),
        (tensor((64,), 0, 1 << 63), "more than any disk"),
        (tensor((33,), 8), "cannot be stored"),
        (tensor((64,), 0, 5), "cannot be stored"),
        (stub({}, [TENSORS[0], TENSORS[0]]), "twice"),
    ],
)
def test_bytes_that_lie_are_refused(data: bytes, message: str) -> None:
    """Each lie is an error of ours that names it, whatever it claims."""
    with pytest.raises(GgufError, match=message):
        parse(data)


def part(number: int, count: int = 2, tensors: int = 2, **more: Any) -> GgufHeader:
    """Return the header of one part of a split model."""
    keys = {"split.no": number, "split.count": count, "split.tensors.count": tensors, **more}
    return header(stub(keys, [TENSORS[number % 2]]))


def test_parts_are_merged_in_their_order() -> None:
    """The parts of a split model make one header: the first part's keys, everybody's tensors, all bytes together."""
    first, second = part(0, name="first"), part(1)
    whole = merge([second, first])
    assert (0, 2, 2) == first.split
    assert ["token_embd.weight", "blk.0.attn_q.weight"] == [each.name for each in whole.tensors]
    assert ("first", 2, first.file_bytes + second.file_bytes) == (whole.keys["name"], whole.parts, whole.file_bytes)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (lambda: [part(0)], "part 2 of 2 is missing"),
        (lambda: [part(0), part(0)], "part 1 is there twice"),
        (lambda: [part(0), part(1, count=3)], "do not agree"),
        (lambda: [part(0, tensors=5), part(1, tensors=5)], "where 5 different ones were announced"),
        (lambda: [header(GOOD)], "does not say that it is a part"),
        (lambda: [part(7, count=2)], "part 7 of 2"),
        (lambda: [part(0, count=1 << 31), part(1, count=1 << 31)], "is missing"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(parts: Callable[[], list[GgufHeader]], message: str) -> None:
    """A part too many, too few, or of another model is named."""
    with pytest.raises(GgufError, match=message):
        merge(parts())


@given(st.binary(max_size=300), st.booleans())
def test_random_bytes_never_do_harm(noise: bytes, begun: bool) -> None:
    """Any bytes, with a proper beginning or without, parse, ask for more, or are refused; nothing else happens."""
    with suppress(GgufError):
        assert isinstance(parse((GOOD[:24] if begun else b"") + noise), GgufHeader | NeedMore)


@given(st.data())
def test_damaged_headers_never_do_harm(data: st.DataObject) -> None:
    """A header with bytes changed, cut out or doubled parses, asks for more, or is refused."""
    damaged = bytearray(stub({"w": WORDS, "a": [1, 2, 3], "s": "end", "general.alignment": 32}, TENSORS))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 9))
        change = data.draw(st.sampled_from(["set", "cut", "huge", "double"]))
        if change == "set":
            damaged[at] = data.draw(st.integers(0, 255))
        elif change == "cut":
            del damaged[at : at + data.draw(st.integers(1, 8))]
        elif change == "huge":
            damaged[at : at + 8] = struct.pack("<Q", data.draw(st.integers(0, 2**64 - 1)))
        else:
            damaged[at:at] = damaged[at : at + 16]
    with suppress(GgufError):
        assert isinstance(parse(bytes(damaged)), GgufHeader | NeedMore)


def test_a_large_vocabulary_is_walked_not_built() -> None:
    """150,000 tokens and as many merges cost some 50 ms of CPU time, on a busy machine four times that; the best of five counts."""
    rng = random.Random(7)
    words = strings([b"t" * rng.randint(1, 14) for _ in range(150_000)])
    keys = {"general.architecture": "llama", "tokenizer.ggml.tokens": words, "tokenizer.ggml.merges": words}
    data = stub(keys | {"tokenizer.ggml.token_type": [1] * 150_000}, TENSORS)
    took = []
    for _ in range(5):
        begin = time.thread_time()
        found = header(data)
        took.append(time.thread_time() - begin)
    assert found.lengths["tokenizer.ggml.tokens"] == 150_000
    assert min(took) < 0.2
