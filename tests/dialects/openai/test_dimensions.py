"""Vectors with as many dimensions as were asked for."""

import base64
import json
import math
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects.base import Dialect
from hostd.dialects.ollama.dialect import TRANSLATIONS as OLLAMA
from hostd.dialects.openai.dialect import TRANSLATIONS
from hostd.dialects.openai.dimensions import shortened
from tests.dialects.answering import context

Json = dict[str, Any]
VECTOR = [3.0, 4.0, 12.0]


def answer(embedding: Any) -> bytes:
    """Return an answer with one vector."""
    return json.dumps({"model": "m", "data": [{"index": 0, "embedding": embedding}], "usage": {}}).encode()


def packed(vector: list[float]) -> str:
    """Return *vector* as base64."""
    return base64.b64encode(array("f", vector).tobytes()).decode()


@pytest.mark.parametrize("pack", [list, packed])
def test_the_first_ones_stay(pack: Any) -> None:
    """With length 1, in the form in which the engine sent them."""
    found = json.loads(shortened(answer(pack(VECTOR)), 2))["data"][0]["embedding"]
    assert found == pack([0.6, 0.8])


@pytest.mark.parametrize("asked", [3, 9, 0, -1, None, "2", True, 2.5])
@pytest.mark.parametrize("pack", [list, packed])
def test_what_is_no_less_changes_nothing(asked: object, pack: Any) -> None:
    """The very bytes are passed on."""
    payload = answer(pack(VECTOR))
    assert payload is shortened(payload, asked)


@pytest.mark.parametrize("payload", [b"[]", b'{"data": 5}', b'{"data": [5, {"embedding": [null, 1]}]}', answer([])])
def test_what_has_no_vectors(payload: bytes) -> None:
    """Is passed on as it is."""
    assert payload is shortened(payload, 1)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=9), st.integers(1, 8))
def test_the_length_is_one(vector: list[float], dimensions: int) -> None:
    """Unless there is nothing in the first dimensions, or nothing was cut."""
    found = json.loads(shortened(answer(vector), dimensions))["data"][0]["embedding"]
    assert len(found) == min(len(vector), dimensions)
    if len(vector) > dimensions and any(abs(value) > 1e-300 for value in found):
        assert math.isclose(1.0, math.hypot(*found), rel_tol=1e-6)


@pytest.mark.parametrize(
    ("dialect", "body", "member"),
    [
        (Dialect.OPENAI_EMBEDDINGS, {"input": "a"}, ("data", 0, "embedding")),
        (Dialect.OLLAMA_EMBED, {"input": "a"}, ("embeddings", 0)),
    ],
)
def test_both_dialects(dialect: Dialect, body: Json, member: tuple[Any, ...]) -> None:
    """Hold clients to it."""
    asked = context(dialect, json.dumps({"model": "m", "dimensions": 2, **body}).encode())
    translation: Any = {**TRANSLATIONS, **OLLAMA}[dialect, Dialect.OPENAI_EMBEDDINGS]
    said = translation.response(answer(VECTOR), asked)
    found = json.loads(said.body)
    for name in member:
        found = found[name]
    assert [0.6, 0.8] == found


def test_vectors_that_cannot_be_read() -> None:
    """Are no answer."""
    asked = context(Dialect.OPENAI_EMBEDDINGS, b'{"model": "m", "input": "a", "dimensions": 2}')
    said = TRANSLATIONS[Dialect.OPENAI_EMBEDDINGS, Dialect.OPENAI_EMBEDDINGS].response(answer("no"), asked)
    assert said.failure
