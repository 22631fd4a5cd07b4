"""Events of a streamed message as they are read."""

import pytest

from hostd.dialects.anthropic.events import PING, part_of, read_event


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (PING, "ping"),
        (b'data: {"type":"message_stop"}\n\n', "message_stop"),
        (b'event: message_stop\r\ndata: {"type":\r\ndata: "message_stop"}\r\n\r\n', "message_stop"),
        (b": comment\n\n", "comment"),
        (b"data: {\n\n", "broken"),
        (b"data: [1]\n\n", "broken"),
        (b'data: {"type": 1}\n\n', "broken"),
        (b'event: error\ndata: {"type":"server_error","message":"no"}\n\n', "error"),
        (b'event: error\r\ndata: {"message":"no"}\r\n\r\n', "error"),
    ],
)
def test_kinds(event: bytes, kind: str) -> None:
    """By the type in the data; reading fails for nothing."""
    assert kind == read_event(event).kind


def test_parts() -> None:
    """What is no object has no members."""
    assert {"a": 1} == part_of({"x": {"a": 1}}, "x")
    assert {} == part_of({"x": 5}, "x") == part_of({}, "x")
