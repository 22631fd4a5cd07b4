"""Who is answered before there is a request is told why, too."""

import contextlib
import json

import pytest
from aiohttp.http_exceptions import LineTooLong

from hostd.domain.errors import CapacityError
from hostd.gateway.http.plain_answer import raw_answer, refusal


def test_a_short_answer_says_when_to_come_back() -> None:
    """It is whole, and in the dialect of the path."""
    answer = raw_answer(CapacityError("busy", code="too_many_connections", retry_after=2), "/v1/models")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nRetry-After: 2\r\n" in head
    assert f"Content-Length: {len(body)}".encode() in head
    with contextlib.suppress(KeyError):
        assert "busy" == json.loads(body)["error"]["message"]


@pytest.mark.parametrize(
    ("status", "why", "expected"),
    [(400, LineTooLong(b"x", 10), 431), (400, None, 400), (500, ValueError("of ours"), 400)],
)
def test_a_head_that_cannot_be_read_is_the_clients_mistake(
    status: int, why: BaseException | None, expected: int
) -> None:
    """Whatever aiohttp makes of it."""
    assert expected == refusal(status, why).status
