"""What of a response is kept, and how a conversation goes on from it."""

import json
from typing import Any

import pytest

from hostd.dialects.openai import stored_responses as stored
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import RequestError

ITEMS: list[dict[str, Any]] = [{"id": str(at), "type": "message"} for at in range(5)]


def asked(**members: Any) -> RequestDocument:
    """Return a request with *members*."""
    return RequestDocument.parse(json.dumps(members).encode())


def test_a_request_says_what_it_goes_on_from() -> None:
    """And which items it refers to."""
    items = [{"type": "item_reference", "id": "msg_1"}, {"role": "user", "content": "item_reference"}]
    assert ("resp_1", ["msg_1"]) == (
        stored.previous_of(asked(previous_response_id="resp_1")),
        stored.references_in(asked(input=items)),
    )
    assert ("", []) == (
        stored.previous_of(asked(previous_response_id=None)),
        stored.references_in(asked(input="item_reference")),
    )
    with pytest.raises(RequestError):
        stored.previous_of(asked(previous_response_id=7))


def test_a_conversation_is_what_was_said_and_then_the_request() -> None:
    """In its order; items that are referred to stand where their references were."""
    earlier = (b'[{"role":"user","content":"a"}]', b'[{"type":"message","id":"msg_1"}]')
    request = asked(model="m", previous_response_id="resp_1", input=[{"type": "item_reference", "id": "x"}])
    whole = stored.continued(request, earlier, {"x": {"type": "reasoning"}})
    assert [{"role": "user", "content": "a"}, {"type": "message", "id": "msg_1"}, {"type": "reasoning"}] == whole[
        "input"
    ]
    assert {"model", "input"} == set(whole)
    text = stored.continued(asked(input="b"), earlier[:1], {})
    assert [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}] == text["input"]
    with pytest.raises(RequestError, match="send the item itself"):
        stored.continued(request, (), {})


def test_input_is_kept_as_items_with_ids() -> None:
    """Texts are messages; what has an id keeps it."""
    (text,) = stored.input_items(asked(input="Hi"), "resp_1")
    assert {
        "id": "msg_resp_1_in0",
        "type": "message",
        "role": "user",
        "status": "completed",
        "content": [{"type": "input_text", "text": "Hi"}],
    } == text
    given = [{"type": "function_call_output", "id": "fco_7", "output": "x"}, {"role": "assistant", "content": "b"}]
    call, said = stored.input_items(asked(input=given), "resp_1")
    assert ("fco_7", "output_text") == (call["id"], said["content"][0]["type"])
    assert [] == stored.input_items(asked(), "resp_1")


def test_the_response_of_a_stream_is_its_last_event() -> None:
    """If it ended well."""
    event = b'event: response.%b\ndata: {"type":"x","response":{"id":"resp_1","output":[{"id":"a"}, 3]}}\n\n'
    for kind in (b"completed", b"incomplete"):
        found = stored.final_response(b"event: response.output_item.done\ndata: {}\n\n" + event % kind)
        assert found is not None
        assert [{"id": "a"}] == stored.output_of(found)
    assert stored.final_response(event % b"failed") is None


@pytest.mark.parametrize(
    ("query", "ids", "more"),
    [
        ({}, "43210", False),
        ({"order": "asc", "limit": "2"}, "01", True),
        ({"after": "3", "limit": "3"}, "210", False),
        ({"order": "asc", "after": "4"}, "", False),
        ({"limit": "0"}, "4", True),
        ({"limit": "9" * 5000}, "43210", False),
    ],
)
def test_items_are_listed_in_pages(query: dict[str, str], ids: str, more: bool) -> None:
    """The newest first."""
    page = stored.page_of(ITEMS, query)
    assert (list(ids), more) == ([item["id"] for item in page["data"]], page["has_more"])
    ends = (page["first_id"], page["last_id"])
    assert ends == ((ids[0], ids[-1]) if ids else (None, None))


@pytest.mark.parametrize("query", [{"order": "up"}, {"limit": "x"}, {"limit": "-1"}, {"after": "9"}])
def test_pages_that_make_no_sense_are_refused(query: dict[str, str]) -> None:
    """By what is wrong with them."""
    with pytest.raises(RequestError) as caught:
        stored.page_of(ITEMS, query)
    assert caught.value.param in query
