"""A whole message, or why it is none."""

import pytest

from hostd.dialects.base import Answer
from hostd.dialects.from_messages.whole import whole_message


def test_a_message() -> None:
    """Has its sums, empty where there are none."""
    assert {"content": [], "stop_reason": "end_turn", "usage": {}} == whole_message(
        b'{"content": [], "stop_reason": "end_turn", "usage": 5}'
    )


@pytest.mark.parametrize(
    ("payload", "reported"),
    [
        (b"{", False),
        (b"[]", False),
        (b'{"content": [], "stop_reason": null}', False),
        (b'{"stop_reason": "end_turn"}', False),
        (b'{"type": "error", "error": {"type": "api_error", "message": "no"}}', True),
        (b'{"error": {"code": 500, "message": "no"}}', True),
    ],
)
def test_what_is_none(payload: bytes, reported: bool) -> None:
    """Has failed; what the server reports is its own error."""
    found = whole_message(payload)
    assert isinstance(found, Answer)
    assert found.failure
    assert reported is (found.engine_error is not None)
