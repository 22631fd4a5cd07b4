"""How long a server wants to be left alone."""

from email.utils import formatdate

import pytest

from hostd.gateway.forwarding.retry_after import LONGEST, wait_asked_for

NOW = 1_800_000_000.0
GOOGLE = b'[{"error": {"code": 429, "details": [{"@type": "x.RetryInfo", "retryDelay": "26.5s"}]}}]'


@pytest.mark.parametrize(
    ("header", "body", "seconds"),
    [
        ("7", b"", 7.0),
        (" 0.5 ", b"", 0.5),
        (formatdate(NOW + 90, usegmt=True), b"", 90.0),
        (formatdate(NOW - 90, usegmt=True), b"", 0.0),
        ("", GOOGLE, 26.5),
        ("3", GOOGLE, 3.0),
        ("999999999", b"", LONGEST),
        ("", b"", None),
        ("-5", b"", None),
        ("soon", b"", None),
        ("9" * 400, b"", None),
        ("nan", b'"retryDelay": "infs"', None),
    ],
)
def test_seconds_a_date_or_googles_own(header: str, body: bytes, seconds: float | None) -> None:
    """Bounded to what can be meant; nonsense is no time."""
    assert seconds == wait_asked_for(429, header, body, NOW)


@pytest.mark.parametrize("status", [503, 529])
def test_who_is_overloaded_may_say_for_how_long(status: int) -> None:
    """By the same header; 529 is Anthropic's."""
    assert wait_asked_for(status, "20", b"", NOW) == 20.0


def test_other_failures_do_not_count() -> None:
    """They say nothing about the next request."""
    assert wait_asked_for(500, "7", GOOGLE, NOW) is None
