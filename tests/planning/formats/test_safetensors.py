"""A safetensors header is read, or refused in a sentence; no bytes do anything else."""

import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostd.planning.formats.gguf import MAX_TENSORS, NeedMore
from hostd.planning.formats.safetensors import (
    BITS,
    MOST,
    BadModel,
    Safetensors,
    parse_configuration,
    parse_index,
    parse_safetensors,
)


def pack(header: object, data: int = 0) -> bytes:
    """Return a file with that header and so many bytes of weights."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(data)


def entry(begin: int, end: int, shape: list[int] | None = None, dtype: str = "U8") -> dict[str, Any]:
    """Return what a header says of one tensor."""
    return {"dtype": dtype, "shape": [end - begin] if shape is None else shape, "data_offsets": [begin, end]}


def refusal(data: bytes, size: int | None = None) -> str:
    """Return the sentence with which these bytes are refused."""
    with pytest.raises(BadModel) as caught:
        parse_safetensors(data, len(data) if size is None else size)
    return caught.value.message


def read(data: bytes, size: int | None = None) -> Safetensors:
    """Return the header of whole bytes."""
    header = parse_safetensors(data, size)
    assert isinstance(header, Safetensors)
    return header


def test_a_header_is_names_types_and_places() -> None:
    """Tensors come in the order of their places, whatever the order of their names."""
    header = read(
        pack({"b": entry(0, 8, [2, 2], "BF16"), "a": entry(8, 9), "__metadata__": {"format": "mlx"}}, 9), 0 or None
    )
    assert [("b", (2, 2), 8), ("a", (1,), 1)] == [
        (tensor.name, tensor.shape, tensor.bytes) for tensor in header.tensors
    ]
    assert ({"format": "mlx"}, 9) == (header.metadata, header.weight_bytes)


@pytest.mark.parametrize("have", [0, 7])
def test_eight_bytes_say_how_long_the_header_is(have: int) -> None:
    """With less than the length itself, the length is what is needed."""
    assert NeedMore(8) == parse_safetensors(pack({})[:have])


def test_a_prefix_is_answered_with_what_is_missing() -> None:
    """Once the length is known, the answer is exact."""
    whole = pack({"a": entry(0, 1)}, 1)
    assert NeedMore(len(whole) - 1) == parse_safetensors(whole[:20])


@pytest.mark.parametrize(
    ("dtype", "shape", "size"),
    [
        ("BF16", [3, 5], 30),
        ("F8_E4M3", [7], 7),
        ("F4", [6], 3),
        ("F6_E2M3", [4], 3),
        ("F64", [], 8),
        ("BOOL", [0, 9], 0),
    ],
)
def test_sizes_follow_from_types(dtype: str, shape: list[int], size: int) -> None:
    """Types of less than a byte count as packed, a scalar is one element, and an empty tensor is nothing."""
    assert size == read(pack({"a": entry(0, size, shape, dtype)}, size)).weight_bytes


@pytest.mark.parametrize(
    ("data", "size", "why"),
    [
        (struct.pack("<Q", MOST + 1), 1 << 40, f"claims {MOST + 1} bytes"),
        (struct.pack("<Q", 1 << 63), 1 << 40, "which no model in safetensors has"),
        (b"<html><body>", 12, "this is a web page"),
        (b"\xff" * 12, 12, "another kind of file"),
        (struct.pack("<Q", 500) + b"{", 60, "cut off, download it again"),
        (b"abc", 3, "has 3 bytes and no header"),
        (pack(b"[]"), None, "no JSON object"),
        (pack(b"{]"), None, "no JSON object"),
        (pack(b'{"\xff": 1}'), None, "no JSON (UnicodeDecodeError)"),
        (pack(b"[" * 100_000), None, "no JSON object"),
        (pack({"a": {}}), None, "lacks a dtype, a shape or two offsets"),
        (pack({"a": entry(0, 1) | {"data_offsets": [0.0, 1.0]}}, 1), None, "lacks a dtype"),
        (pack({"a": entry(0, 1) | {"data_offsets": [0, 1, 2]}}, 1), None, "lacks a dtype"),
        (pack({"a": entry(0, 1, dtype="Q4")}, 1), None, "unknown type 'Q4'"),
        (pack({"a": entry(0, 1, [True])}, 1), None, "impossible shape"),
        (pack({"a": entry(0, 1, [-1])}, 1), None, "impossible shape"),
        (pack({"a": entry(0, 1, [1] * 17)}, 1), None, "impossible shape"),
        (pack({"a": entry(0, 1, [1 << 47, 1 << 47])}, 1), None, "contradict each other"),
        (pack({"a": entry(0, 2, [3])}, 2), None, "contradict each other"),
        (pack({"a": entry(2, 1, [-1])}, 2), None, "impossible shape"),
        (pack({"a": entry(-1, 1)}, 1), None, "contradict each other"),
        (pack({"a": entry(0, 4), "b": entry(2, 6)}, 6), None, "overlap"),
        (pack({"a": entry(0, 4), "b": entry(5, 6)}, 6), None, "gap between them"),
        (pack({"a": entry(1, 4)}, 4), None, "begin 1 bytes late"),
        (pack({"a": entry(0, 4096)}, 96), None, "cut off: 3.9 KiB of its tensors are missing"),
        (pack({"a": entry(0, 4)}, 9), None, "5 B follow its last tensor"),
        (pack({"__metadata__": []}), None, "no table of texts"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(data: bytes, size: int | None, why: str) -> None:
    """Lengths, JSON, types, shapes and offsets are held against each other and the size of the file."""
    assert why in refusal(data, size)


def test_without_a_size_the_end_is_not_judged() -> None:
    """A hub that tells no size leaves the end of the file open."""
    assert 4096 == read(pack({"a": entry(0, 4096)})).weight_bytes


def test_an_index_names_each_file_once() -> None:
    """Many tensors share a file."""
    text = json.dumps({"weight_map": {"a": "2.safetensors", "b": "1.safetensors", "c": "1.safetensors"}}).encode()
    assert ("1.safetensors", "2.safetensors") == parse_index(text)


@pytest.mark.parametrize("text", [b"", b"{}", b'{"weight_map": {}}', b'{"weight_map": {"a": 1}}', b"[]"])
def test_what_is_no_index_is_refused(text: bytes) -> None:
    """An index without a map from tensors to files is of no use."""
    with pytest.raises(BadModel, match=r"model\.safetensors\.index\.json"):
        parse_index(text)


def test_a_configuration_may_hold_pythons_infinity() -> None:
    """Configurations are written by Python, whose JSON has numbers that JSON has not."""
    assert {"a": "Infinity"} == parse_configuration(b'{"a": Infinity}')


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
entries = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from(sorted(BITS)) | json_values,
        "shape": st.lists(st.integers(0, 9) | json_values, max_size=3),
        "data_offsets": st.lists(st.integers(-2, 40) | json_values, max_size=3),
    },
)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.text(max_size=5) | st.just("__metadata__"), entries | json_values, max_size=4),
    st.integers(0, 99),
)
def test_any_json_is_read_or_refused(header: dict[str, Any], data: int) -> None:
    """Whatever the JSON holds, the answer is a header whose tensors fill the file, or a refusal."""
    whole = pack(header, data)
    try:
        found = parse_safetensors(whole, len(whole))
    except BadModel:
        return
    assert isinstance(found, Safetensors)
    assert data == found.weight_bytes


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=64), st.integers(0, 1 << 20) | st.none(), st.booleans())
def test_any_bytes_are_read_or_refused(data: bytes, size: int | None, framed: bool) -> None:
    """Whatever the bytes are, the answer is a header, a wish for more that is longer than they are, or a refusal."""
    prefix = pack(data) if framed else data
    try:
        found = parse_safetensors(prefix, size)
    except BadModel:
        return
    assert isinstance(found, Safetensors) or len(prefix) < found.bytes


@pytest.mark.parametrize(
    "header",
    [
        "{}",
        " { } ",
        '{"__metadata__": {"a": "}{,", "b": "\\"}"}}  ',
        (
            '{ "a\\u0062\\"}" :{"dtype":"F16","shape":[0],"data_offsets":[0,0]} ,\n'
            '"c":{"dtype":"F16","shape":[0],"data_offsets":[0,0]}}'
        ),
        '{"a":{"dtype":"F16","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}',
    ],
)
def test_members_read_one_by_one_are_those_of_the_whole(header: str) -> None:
    """With spaces, escapes and braces wherever JSON allows them; of a name that is there twice the last counts."""
    found = parse_safetensors(pack(header.encode()))
    assert not isinstance(found, NeedMore)
    whole = json.loads(header)
    assert whole.pop("__metadata__", {}) == found.metadata
    assert {name: told["dtype"] for name, told in whole.items()} == {each.name: each.dtype for each in found.tensors}


@pytest.mark.parametrize(
    "header", ["{,}", '{"a":1,}', '{"a" 1}', '{"a":{}}}', '{"a":{}} x', "[]", '{"a":{}', '{"a', '{"a":{"b":{}}}']
)
def test_a_header_that_is_no_object_is_refused(header: str) -> None:
    """Whatever of it could be read."""
    with pytest.raises(BadModel):
        parse_safetensors(pack(header.encode()))


@pytest.mark.slow
def test_a_header_of_more_tensors_than_any_model_has_is_refused() -> None:
    """Before the rest of it is read, which could take seconds."""
    tensor = '{"dtype":"F16","shape":[0],"data_offsets":[0,0]}'
    most = ",".join(f'"{number}":{tensor}' for number in range(MAX_TENSORS + 1))
    with pytest.raises(BadModel, match="no real model has so many"):
        parse_safetensors(pack(f'{{{most},"and then": nonsense'.encode()))


def test_an_entry_of_any_length_is_not_read_at_once() -> None:
    """A hostile one would hold up the daemon; the notes may be long, for trainers write their settings there."""
    long = "[" + "[]," * 100_000 + "0]"
    with pytest.raises(BadModel):
        parse_safetensors(pack(f'{{"a":{long}}}'.encode()))
    found = parse_safetensors(pack({"__metadata__": {"a": "x" * 1_000_000}}))
    assert not isinstance(found, NeedMore)
    assert 1_000_000 == len(found.metadata["a"])
