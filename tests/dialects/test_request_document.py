"""A document reads as json.loads reads it, keeps its bytes, and copies all members but those that are replaced."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.request_document import RequestDocument, decode, replaced
from hostd.domain.errors import RequestError

numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
# Half of a surrogate pair is what clients send that cut a text in the middle of a character.
texts = st.text() | st.text(st.characters(categories=["Cs"]), max_size=1)
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


@pytest.mark.parametrize("body", [b'\xef\xbb\xbf{"x": 1}', b'{"x": NaN}', b'{"x": "\\ud800"}', b'{"x": 1e999}'])
def test_takes_what_python_takes(body: bytes) -> None:
    """A byte order mark, NaN and half a character are no reason to refuse a request, nor is a number without end."""
    document = RequestDocument.parse(body)
    assert repr(json.loads(body)["x"]) == repr(document["x"])
    assert body is document.encode()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"a":1,}', "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_refuses_what_is_no_object(body: bytes, said: str) -> None:
    """With a sentence."""
    with pytest.raises(RequestError, match=said) as refused:
        RequestDocument.parse(body)
    assert "bad_json" == refused.value.code


@pytest.mark.parametrize("value", [b"9" * 5000, b'"\xff"'])
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


def test_decodes_what_python_does() -> None:
    """Engines send half characters, too."""
    assert "\ud83d" == decode(b'"\\ud83d"')
    assert math.isnan(decode(b"NaN"))
    with pytest.raises(ValueError):  # noqa: PT011 - the words are Python's
        decode(b"{")
