"""No place of a request is overlooked, whatever its dialect, and media are told from text."""

from typing import Any

import pytest

from hostd.domain.private_data import DataKind, ScanAction
from hostd.privacy.conversation import rewritten, texts
from tests.privacy.finding import SCANNER

_REQUESTS: tuple[dict[str, Any], ...] = (
    {"messages": [{"role": "system", "content": "I am a@example.com"}]},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "mail a@example.com"}]}]},
    {
        "messages": [
            {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": '{"to": "a@example.com"}'}}]}
        ]
    },
    {"messages": [{"role": "tool", "content": "a@example.com"}]},
    {
        "messages": [
            {
                "role": "user",
                "content": [{"type": "tool_result", "content": [{"type": "text", "text": "a@example.com"}]}],
            }
        ]
    },
    {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "input": {"a@example.com": 1}}]}]},
    {"system": [{"type": "text", "text": "a@example.com"}], "messages": []},
    {"tools": [{"function": {"description": "mails a@example.com"}}]},
    {"input": ["a@example.com", "b"]},
    {"prompt": "a@example.com", "suffix": ""},
    {"query": "x", "documents": [{"text": "a@example.com"}]},
    {"metadata": {"user_id": "a@example.com"}},
    {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "a@exam"}, {"type": "text", "text": "ple.com"}]}
        ]
    },
)


@pytest.mark.parametrize("request_body", _REQUESTS)
def test_no_place_of_a_request_is_overlooked(request_body: dict[str, Any]) -> None:
    """System texts, results of tools, arguments, names of members, metadata, and what is cut over parts."""
    assert SCANNER.scan(request_body).kinds == {DataKind.EMAIL}


def test_a_number_in_json_is_found() -> None:
    """Arguments of tools are no texts only."""
    assert SCANNER.scan({"input": {"card": 4111111111111111}}).kinds == {DataKind.CARD}


_MEDIA: tuple[dict[str, Any], ...] = (
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
    {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
    {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0="}},
    {"role": "user", "content": "look", "images": ["iVBORw0KGgo="]},
)


@pytest.mark.parametrize("part", _MEDIA)
def test_media_which_cannot_be_read_stay_here(part: dict[str, Any]) -> None:
    """A picture may show what no scanner reads; masking it is not possible."""
    found = SCANNER.scan({"messages": [{"role": "user", "content": [part]}, part]})
    assert found.kinds == {DataKind.MEDIA}
    assert found.action is ScanAction.STAY_LOCAL


def test_schemas_and_texts_are_no_media() -> None:
    """A tool whose parameters are called `images`, and a document of plain text, are none."""
    schema = {"type": "object", "properties": {"images": {"type": "array"}, "image": {"type": "image"}}}
    document = {"type": "document", "source": {"type": "text", "data": "words"}}
    assert not SCANNER.scan({"tools": [{"parameters": schema}], "messages": [{"content": [document]}]}).kinds


def test_texts_are_rewritten_where_they_stand() -> None:
    """Names of members and strings; numbers and what is neither stay."""
    value = {"a": ["b", {"c": 1}], "d": None, "e": True}
    assert rewritten(value, str.upper) == {"A": ["B", {"C": 1}], "D": None, "E": True}
    assert list(texts(value)) == ["a", "b", "c", "1", "d", "e"]
