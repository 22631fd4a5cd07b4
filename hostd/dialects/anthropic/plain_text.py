"""Requests for a message that hold texts and nothing else: what of the dialect every server's own messages route means alike."""

from collections.abc import Mapping
from typing import Any

from hostd.dialects.anthropic.request import chat_request
from hostd.dialects.anthropic.thinking import wish_of
from hostd.dialects.request_document import RequestDocument

Json = dict[str, Any]

_FURTHER = ("tools", "tool_choice", "output_config", "output_format")
"""Members that ask for more than a text."""
_PASSED = ("model", "max_tokens", "stream", "temperature", "top_p", "top_k")


def is_plain(document: Mapping[str, Any]) -> bool:
    """Return whether *document*, a request for a message that has been read, asks for a text and is made of texts.

    One that says how much to think, sets no bound, or has a beginning for the model to go on with is none of them.
    """
    limit = document.get("max_tokens")
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        return False
    if any(document.get(name) for name in _FURTHER) or wish_of(document) is not None:
        return False
    messages = document["messages"]
    contents = (document.get("system") or "", *(message["content"] for message in messages))
    return messages[-1]["role"] != "assistant" and all(map(_is_text, contents))


def _is_text(content: Any) -> bool:
    return isinstance(content, str) or all(block["type"] == "text" for block in content)


def plain_request(document: RequestDocument) -> RequestDocument:
    """Return *document*, of which `is_plain` holds, as a request for a message whose texts are those of the chat completion.

    An engine then makes the same prompt of both, and has read the beginning of a conversation whichever of them it comes by.
    """
    chat = chat_request(document)
    messages = chat["messages"]
    asked: Json = {name: chat[name] for name in _PASSED if name in chat}
    if messages and messages[0]["role"] == "system":
        asked["system"] = messages[0]["content"]
        messages = messages[1:]
    asked["messages"] = messages
    if "stop" in chat:
        asked["stop_sequences"] = chat["stop"]
    return RequestDocument.of(asked)
