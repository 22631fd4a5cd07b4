"""A document reads as json.loads reads it, keeps its bytes, and copies all members but those that are replaced."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.json_text import MAX_DEPTH, SMALL
from hostd.dialects.request_document import RequestDocument, replaced
from hostd.domain.errors import RequestError

numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text()
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(["model", "messages", "tools", "stream"]) | texts
objects = st.dictionaries(names, values, max_size=4)
layouts = st.sampled_from([{}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}])


def written(value: object, layout: dict[str, Any]) -> bytes:
    """Return *value* as a client might write it."""
    return json.dumps(value, **layout).encode(
        "utf-8", "surrogatepass" if layout.get("ensure_ascii", True) else "replace"
    )


@given(objects, layouts)
def test_reads_as_json_does(value: dict[str, Any], layout: dict[str, Any]) -> None:
    """Whatever the layout and the escapes; the bytes are those that were given."""
    body = written(value, layout)
    document = RequestDocument.parse(body)
    assert json.loads(body) == dict(document)
    assert body is document.encode()


@given(objects, layouts, texts)
def test_replaces_one_value(value: dict[str, Any], layout: dict[str, Any], name: str) -> None:
    """As decoding and encoding all of it would; members called the same deeper down are not touched."""
    body = written({**value, "model": "theirs", "deep": {"model": "theirs", "list": [{"model": "theirs"}]}}, layout)
    changed = RequestDocument.parse(body).replace({"model": name})
    assert {**json.loads(body), "model": name} == json.loads(changed.encode())
    assert name == changed["model"]


@given(objects, st.sets(names), objects)
def test_replaces_and_leaves_out(value: dict[str, Any], without: set[str], changes: dict[str, Any]) -> None:
    """What is left out is gone unless it is replaced; what is new is added."""
    changed = RequestDocument.parse(json.dumps(value).encode()).replace(changes, without)
    expected = {name: each for name, each in value.items() if name not in without} | changes
    assert expected == json.loads(changed.encode()) == dict(changed)


@pytest.mark.parametrize(
    ("body", "model"),
    [
        (b'{"model": "a", "model": "b"}', "b"),
        (b'{"\\u006dodel": "a"}', "a"),
        (b'{"model": "\\u0061"}', "a"),
        (b'{"x": {"model": "b"}, "model": "a"}', "a"),
        (b'{"x": "\\"model\\": \\"b\\"", "model": "a"}', "a"),
    ],
)
def test_finds_the_model(body: bytes, model: str) -> None:
    """Of two the last; however it is escaped; and only at the top. Replaced, it is there once."""
    document = RequestDocument.parse(body)
    assert model == document["model"]
    changed = document.replace({"model": "c"}).encode()
    assert 1 == len([name for name, _ in json.loads(changed, object_pairs_hook=list) if name == "model"])
    assert "c" == json.loads(changed)["model"]


@given(values)
def test_knows_what_is_true(value: Any) -> None:
    """As Python does, without decoding it."""
    document = RequestDocument.parse(b'{"x": ' + json.dumps(value).encode() + b" }")
    assert bool(value) is document.is_true("x")
    assert not document.is_true("y")


@pytest.mark.parametrize("value", ["[ ]", "{\n}", "-0.0e5", "0", '""', "null", "false"])
def test_knows_what_is_false(value: str) -> None:
    """However it is spaced."""
    assert not RequestDocument.parse(f'{{"x":{value}}}'.encode()).is_true("x")


@pytest.mark.parametrize("body", [b'\xef\xbb\xbf{"x": 1}', b'{"x": "\\ud800"}', b'{"x": "a \\ud83d b", "y": "\\\\"}'])
def test_takes_what_clients_send(body: bytes) -> None:
    """A byte order mark and half a character are no reason to refuse a request."""
    document = RequestDocument.parse(body)
    whole = json.dumps(json.loads(body)).replace("\\ud800", "\\ufffd").replace("\\ud83d", "\\ufffd")
    assert json.loads(whole) == dict(document)
    assert body is document.encode()
    assert json.loads(whole) | {"x": 1} == json.loads(document.replace({"x": 1}).encode())


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"a":1,}', "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b'{"a":' * 100_000, "nested"),
        (b'{"a":NaN}', "not valid JSON at byte 5"),
        (b'{"a":-Infinity}', "not valid JSON"),
        ('{"a":1}'.encode("utf-16"), "not in UTF-8"),
        ('{"a":1}'.encode("utf-16-be"), "not in UTF-8"),
        ('{"a":1}'.encode("utf-32"), "not in UTF-8"),
        (b'{"\xff":1}', "not in UTF-8"),
        (b'{"a":[' + b"[]," * SMALL + b"[]]}", "more than"),
        (b"{" + b'"a":1,' * SMALL + b'"b":1}', "more than"),
        (b'{"a":"' + b"x" * SMALL + b'","b":' + b"[" * 101 + b"]" * 101 + b"}", "nested too deeply"),
    ],
)
def test_refuses_what_is_no_object(body: bytes, said: str) -> None:
    """With a sentence."""
    with pytest.raises(RequestError, match=said) as refused:
        RequestDocument.parse(body)
    assert "bad_json" == refused.value.code


@pytest.mark.parametrize("value", [b"9" * 5000, b'"\xff"', b"1e999", b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1)])
def test_names_a_value_that_cannot_be_read(value: bytes) -> None:
    """It matters only to who reads it; everything else of the document can be read."""
    document = RequestDocument.parse(b'{"model": "m", "n": ' + value + b"}")
    assert "m" == document["model"]
    with pytest.raises(RequestError, match="the value of 'n' cannot be read") as refused:
        document["n"]
    assert ("bad_json", "n") == (refused.value.code, refused.value.param)


def test_is_a_mapping() -> None:
    """Its members can be counted and looked for, and what is not there is missing as anywhere else."""
    document = RequestDocument.parse(b'{"a": [1], "b": null}')
    assert (["a", "b"], 2, True, None) == (list(document), len(document), "b" in document, document.get("c"))
    assert document["a"] is document["a"]
    with pytest.raises(KeyError):
        document["c"]


def test_is_made_of_any_mapping() -> None:
    """A backend may return a plain dict, and change one member of either."""
    assert b'{"a":1}' == RequestDocument.of({"a": 1}).encode()
    assert {"a": 2} == replaced({"a": 1}, {"a": 2})
    changed = replaced(RequestDocument.parse(b'{"a": 1, "b":  [ 0 ]}'), {"a": 2})
    assert isinstance(changed, RequestDocument)
    assert b'{"a":2,"b":[ 0 ]}' == changed.encode()


@pytest.mark.parametrize("filling", ["", "x" * SMALL])
def test_reads_the_last_item_alone(filling: str) -> None:
    """Of a conversation the end is what counts, and most of it need not be decoded for that."""
    document = RequestDocument.parse(json.dumps({"m": [[filling], {"a": [1]}], "n": 5, "o": []}).encode())
    assert {"a": [1]} == document.last("m")
    assert [None] * 3 == [document.last(name) for name in ("n", "o", "p")]
    with pytest.raises(RequestError, match="the end of 'm'"):
        RequestDocument.parse(b'{"m": [0, 1e999]}').last("m")


def test_long_texts_are_copied_once() -> None:
    """Where one value changes, the others are neither decoded nor doubled on the way."""
    body = json.dumps({"model": "m", "messages": "x" * 4_000_000}).encode()
    document = RequestDocument.parse(body)
    tracemalloc.start()
    try:
        changed = document.replace({"model": "n"})
        assert abs(len(body) - len(changed.encode())) < 9
        assert tracemalloc.get_traced_memory()[1] < 1.1 * len(body)
    finally:
        tracemalloc.stop()
    assert (len(body), True) == (document.size, changed.size > 4_000_000)


@pytest.mark.parametrize(
    "body", [b'{"a": 1}', b' \n{ "a":1 }\n', '{"a": "\u00e4"}'.encode(), b"{}", b'{"a": 1, "a": 2}']
)
def test_what_is_new_stands_before_bytes_that_stay(body: bytes) -> None:
    """A long body is not put together anew for a member that it lacked."""
    changed = RequestDocument.parse(body).replace({"b": True})
    assert {**json.loads(body), "b": True} == json.loads(changed.encode()) == dict(changed)
    if body.strip() != b"{}":
        assert body.lstrip()[1:] in changed.encode()


def test_adds_to_a_body_after_a_byte_order_mark() -> None:
    """Which is then no part of it."""
    changed = RequestDocument.parse('{"a": 1}'.encode("utf-8-sig")).replace({"b": 2})
    assert {"a": 1, "b": 2} == json.loads(changed.encode())


def test_a_flag() -> None:
    """Is true, false, or not given; what is empty is false, and a word is neither."""
    document = RequestDocument.of({"a": True, "b": False, "c": None, "d": 0, "e": [], "f": "yes"})
    assert [True, False, None, False, False, None] == [document.flag(name) for name in ("a", "b", "c", "d", "e", "g")]
    with pytest.raises(RequestError, match="'f' must be true or false"):
        document.flag("f")
