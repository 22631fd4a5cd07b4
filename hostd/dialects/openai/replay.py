"""A whole chat completion as the stream that it might have come as."""

import json
from collections.abc import Iterator

from hostd.dialects.openai.events import Json
from hostd.dialects.openai.stream import DONE


def as_stream(completion: Json, *, calls_only: bool = False) -> bytes:
    """Return *completion* as chunks, its sums in one of their own; with *calls_only*, of each message its tool calls alone."""
    head = {name: value for name, value in completion.items() if name not in ("choices", "usage", "object")}
    head["object"] = "chat.completion.chunk"
    chunks = [
        {**head, "choices": [choice]}
        for each in completion["choices"]
        for choice in _choices(each, calls_only=calls_only)
    ]
    if usage := completion.get("usage"):
        chunks.append({**head, "choices": [], "usage": usage})
    return b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks) + DONE


def has_calls(completion: Json) -> bool:
    """Return whether *completion* calls a tool."""
    messages = [choice.get("message") for choice in completion["choices"]]
    return any(isinstance(message, dict) and message.get("tool_calls") for message in messages)


def _choices(choice: Json, *, calls_only: bool) -> Iterator[Json]:
    index, message = choice.get("index") or 0, dict(choice.get("message") or {})
    calls = message.pop("tool_calls", None)
    if calls_only:
        message = {}
    # Each member in a chunk of its own, as engines send them; clients of other dialects make an event of each.
    for name, value in message.items():
        if name != "role" and value:
            yield {"index": index, "delta": {"role": "assistant", name: value}, "finish_reason": None}
    if isinstance(calls, list) and calls:
        numbered = [{"index": number, **call} for number, call in enumerate(calls) if isinstance(call, dict)]
        yield {"index": index, "delta": {"tool_calls": numbered}, "finish_reason": None}
    yield {"index": index, "delta": {}, "finish_reason": choice.get("finish_reason") or "stop"}
