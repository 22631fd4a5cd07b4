"""Answers that are to be JSON."""

import pytest

from hostd.routing.cascade import json_schema
from hostd.routing.cascade.said import Asked, Said
from tests.routing.cascade.answers import said

SCHEMA = {"response_format": {"type": "json_schema", "json_schema": {"schema": {"required": ["a"]}}}}
OBJECT = {"response_format": {"type": "json_object"}}
LLAMA = {"response_format": {"type": "json_object", "schema": {"required": ["b"]}}}


@pytest.mark.parametrize(
    ("asked", "answer", "word"),
    [
        (SCHEMA, said('```json\n{"a": 1}\n```'), "no JSON"),
        (SCHEMA, said('{"b": 1}'), "lacks a"),
        (SCHEMA, said('{"a": ', reason="length"), "limit of tokens"),
        (OBJECT, said("[1]"), "no JSON object"),
        (LLAMA, said('{"a": 1}'), "lacks b"),
    ],
)
def test_what_is_wrong_is_said(asked: Asked, answer: Said, word: str) -> None:
    """Without a word of the answer."""
    assert word in (json_schema.failure(asked, answer) or "")


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (SCHEMA, said(' {"a": 1}\n')),
        (SCHEMA, said("", ("f", "{}"))),
        (OBJECT, said("{}")),
        ({"response_format": {"type": "text"}}, said("x")),
        ({"response_format": "json"}, said("x")),
        ({}, said("x")),
    ],
)
def test_what_passes(asked: Asked, answer: Said) -> None:
    """JSON where it is asked for; a call of a tool is another answer."""
    assert json_schema.failure(asked, answer) is None
