"""How many tokens a request has, as far as its bytes tell, and how many a message says that its prompt had."""

import json
from collections.abc import Mapping
from typing import Any

from hostd.dialects.from_chat.answer import count_of
from hostd.dialects.request_document import RequestDocument
from hostd.domain.token_estimate import careful_tokens

_PER_MESSAGE = 4
"""Tokens by which a template marks a message."""
_PER_PICTURE = 1600
"""What Anthropic counts for the largest picture that it does not scale down."""


def estimate(document: RequestDocument) -> int:
    """Return about how many tokens the prompt of *document*, a request for a message, has."""
    size, pictures = 0, 0
    for content in (document.get("system"), *(message["content"] for message in document["messages"])):
        content_size, content_pictures = _measured(content or "")
        size += content_size
        pictures += content_pictures
    size += len(document.raw("tools") or b"")
    return careful_tokens(size) + _PER_MESSAGE * len(document["messages"]) + _PER_PICTURE * pictures


def _measured(content: Any) -> tuple[int, int]:
    """Return the bytes of text in *content*, and its pictures."""
    if isinstance(content, str):
        return len(content.encode("utf-8", "replace")), 0
    size, pictures = 0, 0
    for block in content if isinstance(content, list) else ():
        if block.get("type") in ("image", "document"):
            pictures += 1
        elif block.get("type") == "tool_result":
            inner, more = _measured(block.get("content") or "")
            size, pictures = size + inner, pictures + more
        else:
            said = block.get("text") or block.get("thinking") or json.dumps(block)
            size += len(str(said).encode("utf-8", "replace"))
    return size, pictures


def prompt_tokens_of(usage: Mapping[str, Any]) -> int:
    """Return the tokens of the prompt that *usage* of a message tells, cached ones included."""
    return sum(count_of(value) for name, value in usage.items() if name.endswith("input_tokens"))
