"""What llama-server tells in a stream, beside what it tells in one piece.

Unless it streams to them, it looks for clients that have gone only after a second in which it had nothing to say to anybody.
"""

from collections.abc import Mapping
from typing import Any

SHORT = 128
"""Tokens up to which an answer is over soon enough by itself, whoever has gone; assembling it would cost more than that saves."""

_OTHERWISE = ("logprobs", "n_probs", "verbose")


def better_streamed(body: Mapping[str, Any]) -> bool:
    """Return whether the answer in one piece that *body* wants had better be made of a stream: it may be long, and can be."""
    limits = (body.get(name) for name in ("max_completion_tokens", "max_tokens", "n_predict"))
    limit = next((limit for limit in limits if limit is not None), None)
    return not (isinstance(limit, int) and 0 <= limit <= SHORT) and tells_all(body)


def tells_all(body: Mapping[str, Any]) -> bool:
    """Return whether the chunks of a stream, sums included, tell what an answer in one piece to *body* would tell.

    Probabilities are counted otherwise there, and ``verbose`` tells of each chunk. An assistant's words that are to be continued
    begin an answer in one piece, in some builds. What a stream never tells is half a character at the limit of an answer, or half
    the head of a tool call; in one piece they come as a replacement character and as text.
    """
    if any(body.get(name) for name in _OTHERWISE):
        return False
    messages = body.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    return not isinstance(last, dict) or last.get("role") != "assistant"
