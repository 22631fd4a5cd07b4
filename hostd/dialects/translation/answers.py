"""A whole answer as OpenAI and Anthropic write it, its reason for stopping, and its sums."""

import json
from collections.abc import Mapping
from typing import Any

from hostd.dialects.anthropic.sums import count_of
from hostd.dialects.base import MALFORMED_CALL
from hostd.dialects.translation.chat_to_messages import arguments_of

Json = dict[str, Any]

STOP_REASONS: Mapping[str, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
"""Anthropic's word for each of OpenAI's."""
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
THOUGHTS = ("reasoning_content", "reasoning")
"""What servers call the text of a thought in a message."""


class UntranslatableAnswer(ValueError):
    """An answer that cannot be said in the other dialect; the text says why, as a sentence about the engine."""


def stop_of(choice: Json, *, calls: bool) -> tuple[str, str | None]:
    """Return why *choice*, of OpenAI's, is over in Anthropic's words, and the text at which it stopped where that is known.

    A client that reads ``end_turn`` would not run the tools, so that an answer with *calls* says that it has some.
    """
    finish = choice.get("finish_reason") or "stop"
    if finish == "stop" and calls:
        return "tool_use", None
    # vLLM's own member says at which text an answer stopped.
    at = choice.get("stop_reason")
    if finish == "stop" and isinstance(at, str) and at:
        return "stop_sequence", at
    return STOP_REASONS.get(finish, "end_turn"), None


def usage_of_chat(usage: Any) -> Json:
    """Return OpenAI's *usage* as Anthropic's, which counts what was read from the cache apart."""
    usage = usage if isinstance(usage, dict) else {}
    details = usage.get("prompt_tokens_details")
    cached = count_of(details.get("cached_tokens")) if isinstance(details, dict) else 0
    return {
        "input_tokens": max(0, count_of(usage.get("prompt_tokens")) - cached),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": count_of(usage.get("completion_tokens")),
    }


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


def message_of(answer: Json, name: str, identity: str) -> Json:
    """Return a whole chat completion, *answer*, as a message of the model *name*.

    Raises:
        UntranslatableAnswer: It has no message, or a tool call that no client could run.
    """
    choice = answer["choices"][0]
    said = choice.get("message")
    if not isinstance(said, dict):
        raise UntranslatableAnswer("the engine sent an answer without a message")
    content: list[Json] = []
    if thought := next((text for word in THOUGHTS if isinstance(text := said.get(word), str) and text), ""):
        content.append({"type": "thinking", "thinking": thought, "signature": ""})
    if text := text_of(said.get("content")) or (said.get("refusal") or ""):
        content.append({"type": "text", "text": text})
    calls = _tool_uses(said, cut=choice.get("finish_reason") == "length")
    reason, at = stop_of(choice, calls=bool(calls))
    return {
        "id": identity,
        "type": "message",
        "role": "assistant",
        "model": name,
        "content": content + calls,
        "stop_reason": reason,
        "stop_sequence": at,
        "usage": usage_of_chat(answer.get("usage")),
    }


def message_id(request_id: str) -> str:
    """Return the id of the message that answers the request of *request_id*."""
    return "msg_" + request_id.removeprefix("req_")


def text_of(content: Any) -> str:
    """Return a message's *content* as one text."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _tool_uses(said: Json, *, cut: bool) -> list[Json]:
    """Return the tool calls; where the answer was *cut* at its limit, the last one may be half of one, and is none."""
    found = []
    for index, call in enumerate(said.get("tool_calls") or ()):
        function = call.get("function") if isinstance(call, dict) else None
        function = function if isinstance(function, dict) else {}
        if (given := arguments_of(function.get("arguments"))) is None:
            if cut:
                continue
            raise UntranslatableAnswer(MALFORMED_CALL)
        identity = call.get("id") or f"call_{index}"
        found.append({"type": "tool_use", "id": identity, "name": function.get("name") or "", "input": given})
    return found


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
