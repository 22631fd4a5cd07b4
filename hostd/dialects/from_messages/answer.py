"""A whole message as a chat completion, its reason for stopping, and its sums."""

import json
from collections.abc import Mapping
from typing import Any

from hostd.dialects.from_chat.answer import count_of

Json = dict[str, Any]

FINISH_REASONS: Mapping[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""OpenAI's word for each of Anthropic's."""


def usage_of_message(usage: Any) -> Json:
    """Return Anthropic's *usage* as OpenAI's, whose prompt includes what was read from the cache and written to it."""
    usage = usage if isinstance(usage, dict) else {}
    read, answered = count_of(usage.get("cache_read_input_tokens")), count_of(usage.get("output_tokens"))
    prompt = count_of(usage.get("input_tokens")) + read + count_of(usage.get("cache_creation_input_tokens"))
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answered,
        "total_tokens": prompt + answered,
        "prompt_tokens_details": {"cached_tokens": read},
    }


def completion_of(message: Json, name: str, created: float) -> Json:
    """Return a whole *message* as a chat completion of the model *name*; *created* is in seconds since 1970."""
    blocks = [block for block in message.get("content") or () if isinstance(block, dict)]
    text = [block["text"] for block in blocks if block.get("type") == "text" and block.get("text")]
    thoughts = [block["thinking"] for block in blocks if block.get("type") == "thinking" and block.get("thinking")]
    said: Json = {"role": "assistant", "content": "".join(text) if text else None, "refusal": None}
    if thoughts:
        said["reasoning_content"] = "".join(thoughts)
    calls = [
        {
            "id": block.get("id"),
            "type": "function",
            "function": {
                "name": block.get("name"),
                "arguments": json.dumps(block.get("input") or {}, ensure_ascii=False),
            },
        }
        for block in blocks
        if block.get("type") == "tool_use"
    ]
    if calls:
        said["tool_calls"] = calls
    finish = FINISH_REASONS.get(str(message.get("stop_reason")), "stop")
    return {
        "id": completion_id(message),
        "object": "chat.completion",
        "created": int(created),
        "model": name,
        "choices": [{"index": 0, "message": said, "logprobs": None, "finish_reason": finish}],
        "usage": usage_of_message(message.get("usage")),
    }


def completion_id(message: Json) -> str:
    """Return the id of a completion for *message*."""
    return "chatcmpl-" + str(message.get("id") or "0").removeprefix("msg_")
