"""Events of a message, written one by one."""

from hostd.dialects.translation.message_events import MessageEventWriter
from tests.dialects.translation.conversations import message_in


def test_blocks_follow_each_other() -> None:
    """What goes on with an open block opens no other; calls are told apart by their numbers."""
    writer = MessageEventWriter("m")
    events = [
        writer.start("msg_1", 5),
        writer.text("a"),
        writer.text("b"),
        writer.call(0, "x", "f"),
        writer.call(1, "y", "g"),
    ]
    events += [writer.arguments('{"a":1}'), writer.finish("tool_use", None, {"output_tokens": 2})]
    message = message_in(b"".join(events))
    assert [
        {"type": "text", "text": "ab"},
        {"type": "tool_use", "id": "x", "name": "f", "input": {}},
        {"type": "tool_use", "id": "y", "name": "g", "input": {"a": 1}},
    ] == message["content"]
    assert ("msg_1", "m", 5, 2) == (
        message["id"],
        message["model"],
        message["usage"]["input_tokens"],
        message["usage"]["output_tokens"],
    )
    assert writer.calls
    assert writer.started


def test_an_empty_message() -> None:
    """Has no blocks."""
    writer = MessageEventWriter("m")
    assert [] == message_in(writer.start("msg_1", 5) + writer.finish("end_turn", None, {}))["content"]
