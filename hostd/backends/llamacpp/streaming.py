"""Whether llama-server's chunks carry all that its whole answer would, so that a stream can stand in for one.

Unless it streams, it looks for disconnected clients only after a second in which it had no result for any client, so the slot
of a client that hung up would generate on.
"""

from collections.abc import Mapping
from typing import Any

from hostd.dialects.request_document import RequestDocument, last_item

SHORT = 128
"""Tokens up to which an answer ends soon enough by itself; assembling it from a stream would cost more than an abort saves."""

LONG = 1024
"""Bytes from which a request takes long enough to read on a slow machine that its progress should be seen, which streams report."""

_OTHERWISE = ("logprobs", "n_probs", "verbose")


def better_streamed(body: Mapping[str, Any]) -> bool:
    """Return whether the whole answer that *body* asks for is better assembled from a stream: it may be long, and it can be."""
    if isinstance(body, RequestDocument) and body.size > LONG:
        return carries_all(body)
    limits = (body.get(name) for name in ("max_completion_tokens", "max_tokens", "n_predict"))
    limit = next((limit for limit in limits if limit is not None), None)
    return not (isinstance(limit, int) and 0 <= limit <= SHORT) and carries_all(body)


def carries_all(body: Mapping[str, Any]) -> bool:
    """Return whether the chunks of a stream, usage included, carry all that a whole answer to *body* would.

    Probabilities are counted differently in chunks, and ``verbose`` describes each chunk. In some builds a whole answer repeats
    an assistant message that it continues. A stream never carries half a character at the token limit, or half the head of a
    tool call; a whole answer has them as a replacement character and as text.
    """
    if any(body.get(name) for name in _OTHERWISE):
        return False
    last = last_item(body, "messages")
    return not isinstance(last, dict) or last.get("role") != "assistant"
