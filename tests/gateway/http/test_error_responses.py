"""An error is one answer, which tells its client whether to come back."""

import json

import pytest

from hostd.dialects.base import Dialect
from hostd.domain.errors import Bug, CapacityError, EngineError, HostdError
from hostd.gateway.forwarding.request_trace import RequestTrace
from hostd.gateway.http import error_responses


def test_says_when_to_come_back() -> None:
    """Retry-After is in whole seconds, never less than it takes."""
    response = error_responses.response(
        CapacityError("m", code="c", retry_after=1.2), Dialect.OPENAI_CHAT, RequestTrace("r")
    )
    assert (503, "2", "r") == (response.status, response.headers["Retry-After"], response.headers["x-request-id"])


@pytest.mark.parametrize("error", [EngineError("m"), Bug("m")])
def test_says_when_not_to_come_back(error: HostdError) -> None:
    """What cannot get better by asking again says so."""
    assert "false" == error_responses.response(error, Dialect.OPENAI_CHAT, RequestTrace("r")).headers["x-should-retry"]


def test_speaks_the_clients_dialect() -> None:
    """The body is the dialect's own."""
    response = error_responses.response(EngineError("m"), Dialect.OPENAI_CHAT, RequestTrace("r"))
    assert isinstance(response.body, bytes)
    assert ("application/json", "m") == (response.content_type, json.loads(response.body)["error"]["message"])
