"""What the user of a conversation said last, and whether a tool has answered since, in a request of any dialect."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from hostd.dialects.request_document import RequestDocument

_LISTS = ("messages", "input")
_TEXTS = ("prompt", "input", "query")
_MOST_LOOKED_AT = 64
"""Messages from the end in which the user's are looked for; agents have some ten results of tools after each."""


class LastWords(NamedTuple):
    """What the user *said* last; *tool_answered* where the conversation ends with the result of a tool."""

    said: str
    tool_answered: bool = False


def last_words(document: RequestDocument) -> LastWords:
    """Return what was said last in *document*; an empty text where no user says anything.

    Raises:
        RequestError: A message cannot be read.
    """
    for name in _LISTS:
        tool_answered = False
        for number, item in enumerate(document.backwards(name)):
            if number == 0:
                tool_answered = is_result(item)
            said = said_in(item)
            if said or number >= _MOST_LOOKED_AT:
                return LastWords(said, tool_answered)
    for name in _TEXTS:
        if name in document and isinstance(text := document[name], str):
            return LastWords(text)
    return LastWords("")


def said_in(item: Any) -> str:
    """Return the text of a message of the user's; empty where *item* is none, or has results of tools alone."""
    if not isinstance(item, Mapping) or item.get("role") != "user":
        return ""
    content = item.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part["text"] for part in parts if isinstance(part, Mapping) and isinstance(part.get("text"), str)]
    return "\n".join(texts)


def is_result(item: Any) -> bool:
    """Return whether *item* is the result of a tool, or holds one."""
    if not isinstance(item, Mapping):
        return False
    content = item.get("content")
    parts = content if isinstance(content, list) else []
    blocks = any(isinstance(part, Mapping) and part.get("type") == "tool_result" for part in parts)
    return item.get("role") == "tool" or str(item.get("type", "")).endswith("_call_output") or blocks
