"""A document that is put together from a layout and the body is the one that was read."""

import json

import pytest
from hypothesis import given

from hostd.dialects.document_layout import MemberSpan, document_of, layout_of
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import RequestError
from tests.dialects.openai.test_parse import mutated_requests

BODY = b'{ "1" : 1, "model":"m", "messages" : [ {"a":1}, {"b": "\\u00e4"} ], "x":"1", "model": "n" }'


def test_members_are_where_they_stand_in_the_body() -> None:
    """Whatever else looks like them; of a key that is given twice it is the last value."""
    layout = layout_of(RequestDocument.parse(BODY), BODY)
    spans = {name: place for name, place in layout.members.items() if isinstance(place, MemberSpan)}
    assert layout.members == spans
    assert {"1": b"1", "model": b'"n"', "x": b'"1"'} == {
        name: BODY[start:end] for name, (start, end) in spans.items() if name != "messages"
    }
    assert BODY.index(b"1,") == spans["1"].start
    assert isinstance(end := layout.ends["messages"], MemberSpan)
    assert b'{"b": "\\u00e4"}' == BODY[end.start : end.end]


def test_the_document_is_the_same() -> None:
    """Its bytes, too; nothing of the body is copied."""
    document = document_of(layout_of(RequestDocument.parse(BODY), BODY), BODY)
    assert BODY is document.encode()
    assert json.loads(BODY) == dict(document)
    assert {"b": "\u00e4"} == document.last("messages")
    assert all(isinstance(text, memoryview) and text.obj is BODY for text in document.texts().values())


def test_what_a_dialect_has_written_anew_is_passed_on() -> None:
    """It lies nowhere in the body."""
    written = RequestDocument.parse(BODY).replace({"model": "other", "top_k": 4}, without=("x",))
    document = document_of(layout_of(written, BODY), BODY)
    assert json.loads(written.encode()) == json.loads(document.encode())
    assert {"model": "other", "top_k": 4} == {name: document[name] for name in ("model", "top_k")}


@pytest.mark.parametrize("messages", ["null", "[]", "3", '"x"', "{}"])
def test_no_list_has_no_end(messages: str) -> None:
    """As in the document itself."""
    body = f'{{"model":"m","messages":{messages}}}'.encode()
    assert document_of(layout_of(RequestDocument.parse(body), body), body).last("messages") is None


def test_an_end_is_not_kept_where_its_list_is_replaced() -> None:
    """And is where another member is."""
    document = document_of(layout_of(RequestDocument.parse(BODY), BODY), BODY)
    assert {"c": 1} == document.replace({"messages": [{"c": 1}]}).last("messages")
    assert {"b": "\u00e4"} == document.replace({"x": 2}).last("messages")
    assert document.replace({}, without=("messages",)).last("messages") is None


@pytest.mark.slow
@given(mutated_requests())
def test_every_document_comes_back(body: bytes) -> None:
    """Whatever its values and white space."""
    try:
        document = RequestDocument.parse(body)
    except RequestError:
        return
    again = document_of(layout_of(document, body), body)
    assert document.texts().keys() == again.texts().keys()
    assert all(bytes(text) == bytes(again.texts()[name]) for name, text in document.texts().items())
    assert document.encode() == again.encode()
