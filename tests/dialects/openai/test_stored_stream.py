"""A response that is kept is told once more."""

import json
from typing import Any

from hostd.dialects.openai.stored_stream import replayed

OUTPUT: list[dict[str, Any]] = [
    {"id": "rs_1_0", "type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm."}]},
    {
        "id": "msg_1_1",
        "type": "message",
        "content": [{"type": "output_text", "text": "Hi."}, {"type": "refusal", "refusal": "No."}],
    },
    {"id": "fc_1_3", "type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":1}'},
]
RESPONSE: dict[str, Any] = {"id": "resp_1", "object": "response", "status": "completed", "output": OUTPUT}


def events(starting_after: int = -1) -> list[dict[str, Any]]:
    """Return the events of the response."""
    blocks = replayed(RESPONSE, starting_after).decode().removesuffix("\n\n").split("\n\n")
    return [json.loads(block.partition("data: ")[2]) for block in blocks]


def test_all_of_it_is_told() -> None:
    """Thought, text, refusals and calls, numbered from nought; its end is the response itself."""
    told = events()
    assert list(range(len(told))) == [event["sequence_number"] for event in told]
    assert ["response.created", "response.in_progress"] == [event["type"] for event in told[:2]]
    assert ["Hm.", "Hi.", "No.", '{"a":1}'] == [event["delta"] for event in told if "delta" in event]
    assert ("response.completed", RESPONSE) == (told[-1]["type"], told[-1]["response"])
    assert "rs_1_0" == told[2]["item"]["id"]


def test_it_goes_on_where_a_client_has_stopped() -> None:
    """After the number of an event."""
    assert events()[4:] == events(3)
