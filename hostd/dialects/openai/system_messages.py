"""System messages of a chat, for models whose template takes one at the front only.

Everything keeps its place, so that what an engine has read of one turn is the beginning of the next: a later system message becomes
marked text of the user's where it stands, and is one message with the user's own beside it, since such templates want turns to
alternate, too. Several at the front are one.
"""

import re
from typing import Any

from hostd.dialects.request_document import RequestDocument

Json = dict[str, Any]

LATE: list[Json] = [
    {"role": "user", "content": "1"},
    {"role": "assistant", "content": "2"},
    {"role": "system", "content": "Seldom said."},
    {"role": "user", "content": "3"},
]
"""A conversation with a system message in its middle, by which a template shows what it does about that."""

_MARK = "<system-reminder>\n{}\n</system-reminder>"
_SPACE = "\n\n"
_ROLES = ("system", "developer")
_WORDS = tuple(f'"{role}"'.encode() for role in _ROLES)
_AT_THE_FRONT = re.compile(rb'\s*\[\s*\{\s*"role"\s*:\s*"(?:system|developer)"')


def takes_late(prompt: str | None) -> bool:
    """Return whether *prompt*, what a template has made of `LATE`, has the system message; None is a template's refusal."""
    return prompt is not None and LATE[2]["content"] in prompt


def may_be_late(document: RequestDocument) -> bool:
    """Return False where the chat in *document* surely has no system message but one at its front; nothing is decoded."""
    written = document.raw("messages") or b""
    named = sum(written.count(word) for word in _WORDS)
    return named > 1 or (named == 1 and _AT_THE_FRONT.match(written) is None)


def at_the_front(document: RequestDocument) -> RequestDocument:
    """Return the chat in *document* with no system message but one at its front: itself, where that is so."""
    if not may_be_late(document):
        return document
    messages = document["messages"]
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return document
    start = next((at for at, message in enumerate(messages) if message.get("role") not in _ROLES), len(messages))
    if start <= 1 and not any(message.get("role") in _ROLES for message in messages[start:]):
        return document
    return document.replace({"messages": _front(messages[:start]) + _rest(messages[start:])})


def _front(messages: list[Json]) -> list[Json]:
    if len(messages) < 2:
        return messages
    return [{**messages[0], "content": _SPACE.join(filter(None, map(_text, messages)))}]


def _rest(messages: list[Json]) -> list[Json]:
    said: list[Json] = []
    # Whether the last message has become, or is beside, one of the user's that was none.
    changed = False
    for message in messages:
        late = message.get("role") in _ROLES
        if late:
            message = {"role": "user", "content": _MARK.format(_text(message))}  # noqa: PLW2901 - as it is said
        after_user = bool(said) and said[-1].get("role") == "user" and message.get("role") == "user"
        if after_user and (late or changed):
            said[-1] = {**said[-1], "content": _joined(said[-1].get("content"), message.get("content"))}
            changed = True
        else:
            said.append(message)
            changed = late
    return said


def _text(message: Json) -> str:
    return _SPACE.join(str(part.get("text") or "") for part in _parts(message.get("content")))


def _joined(before: Any, after: Any) -> Any:
    if isinstance(before, str) and isinstance(after, str):
        return f"{before}{_SPACE}{after}"
    return [*_parts(before), *_parts(after)]


def _parts(content: Any) -> list[Json]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
