"""Clients of the Responses API are read and answered in its own shapes."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects import registry
from hostd.dialects.base import Dialect
from hostd.dialects.openai.responses import NO_MODEL, PATHS, ResponsesClient
from hostd.domain.errors import CapacityError, RequestError
from tests.dialects.test_request_document import values

MEMBERS = (
    "model",
    "input",
    "instructions",
    "tools",
    "tool_choice",
    "text",
    "reasoning",
    "include",
    "stream",
    "max_output_tokens",
)


def test_is_found_by_its_path() -> None:
    """And reaches every upstream that speaks chat completions."""
    assert [Dialect.OPENAI_RESPONSES] == [registry.dialect_of(path) for path in PATHS.values()]
    found = registry.translation(Dialect.OPENAI_RESPONSES, [Dialect.OPENAI_CHAT])
    assert found is not None
    assert Dialect.OPENAI_CHAT is found.spoken


def test_a_request_may_name_no_model() -> None:
    """The API allows that; an owner may give some model this name."""
    request = ResponsesClient().parse(b'{"input": "a", "stream": true}')
    assert (NO_MODEL, True) == (request.model, request.stream)


def test_a_failure_before_the_answer() -> None:
    """After keep-alives alone, the error still comes as events that end a response."""
    data = ResponsesClient().error_event(CapacityError("full", code="full", retry_after=1))
    kinds = [json.loads(each.partition("\ndata: ")[2])["type"] for each in data.decode().split("\n\n")[:-1]]
    assert ["error", "response.failed"] == kinds


def test_idle_events_are_events() -> None:
    """Clients that count the time between events see one."""
    assert "keepalive" == json.loads(ResponsesClient().idle_event().partition(b"data: ")[2])["type"]


@given(st.dictionaries(st.sampled_from(MEMBERS), values, max_size=4))
def test_any_body_is_read_or_refused(body: dict[str, Any]) -> None:
    """With a status of the client's, whatever its members hold."""
    with suppress(RequestError):
        request = ResponsesClient().parse(json.dumps(body).encode())
        assert request.chat is not None
        assert json.loads(request.chat.encode())["messages"]


@pytest.mark.parametrize("body", [b"[]", b"{", b"", b'{"model": 7}'])
def test_refuses_what_is_no_request(body: bytes) -> None:
    """As the other dialects do."""
    with pytest.raises(RequestError):
        ResponsesClient().parse(body)
