"""Chunks of a streamed chat completion, as an engine sends them."""

import json
from typing import Any

DONE = b"data: [DONE]\n\n"


def event(document: object) -> bytes:
    """Return an event with *document*."""
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    """Return a chunk of the one choice of an answer."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish} | {"logprobs": more.pop("logprobs", None)}
    return event({"id": "chatcmpl-7", "created": 1_700_000_000, "model": "theirs", "choices": [choice], **more})


def call(index: int, arguments: str, **begun: str) -> dict[str, Any]:
    """Return the delta of a piece of the call *index*; with *begun*, ``id`` and ``name``, its first."""
    function = {"arguments": arguments} | ({"name": begun["name"]} if "name" in begun else {})
    return {"tool_calls": [{"index": index, "function": function} | ({"id": begun["id"]} if "id" in begun else {})]}


ROLE = chunk({"role": "assistant", "content": None})
USAGE = event(
    {
        "choices": [],
        "usage": {"prompt_tokens": 11, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}},
    }
)
TALK = b"".join(
    [
        ROLE,
        chunk({"reasoning_content": "Let me "}),
        chunk({"reasoning_content": "think."}),
        chunk({"content": "Wait"}),
        chunk({"content": " ü."}),
        chunk(call(0, "", id="call_a", name="look")),
        chunk(call(0, '{"at": ')),
        chunk(call(0, '"x"}')),
        chunk(call(1, "{}", id="call_b", name="see")),
        chunk({}, "tool_calls"),
        USAGE,
        DONE,
    ]
)
"""Thought, text, two calls, and what they cost."""
