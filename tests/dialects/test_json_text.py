"""Strangers' JSON is read as json.loads reads it, within bounds, and fails in one way only."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects import json_text
from hostd.dialects.json_text import MAX_CONTAINERS, MAX_DEPTH, MAX_KEYS, MAX_VALUES, SMALL, JsonError, parse_json
from tests.dialects.test_request_document import layouts, values, written


def nested(depth: int) -> bytes:
    """Return lists in lists."""
    return b"[" * depth + b"]" * depth


@pytest.mark.slow
@given(values, layouts)
def test_reads_as_python_does(value: Any, layout: dict[str, Any]) -> None:
    """Whatever the layout and the escapes."""
    text = written(value, layout)
    assert json.loads(text) == parse_json(text)


@given(st.binary() | st.text().map(str.encode) | st.lists(st.sampled_from('[]{}",:\\0e1-. tnu\ud800'), max_size=40).map(
    lambda parts: "".join(parts).encode("utf-8", "surrogatepass")))  # fmt: skip
def test_fails_in_one_way(text: bytes) -> None:
    """Whatever the bytes are, nothing else than JsonError comes out."""
    try:
        value = parse_json(text)
    except JsonError:
        return
    assert value == json.loads(text.decode("utf-8-sig").encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


@pytest.mark.parametrize(
    ("text", "position"),
    [
        (b'{"a": tru}', 9),
        (b'{"a": 1', 7),
        (b"[1, NaN]", 4),
        (b"", None),
        ("[1]".encode("utf-16"), 0),
        (b'"\xff"', None),
    ],
)
def test_says_where(text: bytes, position: int | None) -> None:
    """By the byte, as far as it is known."""
    with pytest.raises(JsonError) as refused:
        parse_json(text)
    if position is not None:
        assert refused.value.position is not None
        assert abs(position - refused.value.position) <= 4
        assert f"at byte {refused.value.position}" in str(refused.value)


@pytest.mark.parametrize(
    "text", [b"1e999", b"[-1e999]", b"9" * 4400, b'["\\ud800", NaN]', b'["\\ud800", 1e999]', b'["\\ud800", ']
)
def test_refuses_what_is_no_number(text: bytes) -> None:
    """Half a character beside it changes nothing."""
    with pytest.raises(JsonError):
        parse_json(text)


def test_keeps_large_integers() -> None:
    """Of a key that is given twice the last value counts."""
    assert 10**4000 == parse_json(b"1" + b"0" * 4000)
    assert {"a": 2} == parse_json(b'{"a": 1, "a": 2}')


HALVES = st.lists(st.sampled_from(["\\ud83d", "\\uDE00", "\\\\", "u", "\\n", "\\ufffd", "x", '\\"']), max_size=12)


@given(HALVES)
def test_half_a_character_is_the_replacement_character(parts: list[str]) -> None:
    """A whole one stays, however it is written, and a backslash that is escaped begins none."""
    text = '"' + "".join(parts) + '"'
    expected = json.loads(text).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert expected == parse_json(text.encode())
    assert expected == parse_json(b"\xef\xbb\xbf" + text.encode())


@pytest.mark.parametrize("around", [b"%s", b'["' + b"x" * SMALL + b'", %s]', b'["' + b"[" * 500 + b'", %s]'])
def test_bounds_the_depth(around: bytes) -> None:
    """At any length of the text, and not by brackets within strings."""
    inside = around.count(b"%s]")
    assert parse_json(around % nested(MAX_DEPTH - inside))
    for depth in (MAX_DEPTH + 1, 500, 970, 5000, 90_000):
        with pytest.raises(JsonError, match="nested"):
            parse_json(around % nested(depth))


@pytest.mark.parametrize(
    ("item", "most"), [(b"[]", MAX_CONTAINERS - 2), (b'{"a":0}', MAX_KEYS - 2), (b"0", MAX_VALUES)]
)
def test_bounds_the_parts(item: bytes, most: int) -> None:
    """Containers, keys and values; a text is as long as it likes."""
    assert most == len(parse_json(b"[" + b",".join([item] * most) + b"]"))
    with pytest.raises(JsonError, match="more than"):
        parse_json(b"[" + b",".join([item] * (most + 3)) + b"]")
    assert parse_json(b'"' + b",:[]{}" * MAX_VALUES + b'"')


@given(st.lists(st.sampled_from([b"\\", b'"', b"[", b"]", b"{", b",", b":", b"x"]), max_size=30), st.integers(1, 9))
def test_slices_count_as_the_whole_does(parts: list[bytes], size: int) -> None:
    """Wherever a slice ends: in a string, in an escape, between."""
    text = json.dumps([b"".join(parts).decode(), {"a": ["[\\", 1]}]).encode()
    structure, bare = json_text._Structure(), re.sub(rb'"(?:[^"\\]|\\.)*"', b"", text)
    for start in range(0, len(text), size):
        structure.add(text[start : start + size], start)
    assert (bare.count(b"[") + bare.count(b"{"), bare.count(b":"), bare.count(b","), 0) == (
        structure._containers,
        structure._keys,
        structure._values,
        structure._depth,
    )
