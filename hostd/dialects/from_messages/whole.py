"""A whole message as it has come: what it says, or why it is none."""

from typing import Any

from hostd.dialects.anthropic import errors
from hostd.dialects.base import Answer
from hostd.dialects.json_text import JsonError, parse_json

Json = dict[str, Any]


def whole_message(payload: bytes) -> Json | Answer:
    """Return the message that *payload* is, with its usage; an answer that says why where it is none."""
    try:
        said = parse_json(payload)
    except JsonError:
        said = None
    if not isinstance(said, dict):
        return Answer(b"", failure="the server sent an answer that is no JSON object")
    if said.get("type") == "error" or isinstance(said.get("error"), dict):
        error = errors.of_stream(said)
        return Answer(b"", failure=f"the server reported an error: {error.message}", engine_error=error)
    if not isinstance(said.get("content"), list) or not said.get("stop_reason"):
        return Answer(b"", failure="the server sent an answer without content, or without a reason for its end")
    usage = said.get("usage")
    return {**said, "usage": usage if isinstance(usage, dict) else {}}
