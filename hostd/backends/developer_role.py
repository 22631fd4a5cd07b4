"""The role ``developer``, which newer clients use where older ones say ``system``: engines and templates may not know it."""

from typing import Any


def with_system_role(messages: object) -> list[Any] | None:
    """Return *messages* with the role ``system`` in the place of ``developer``; None where no message has that."""
    if not isinstance(messages, list) or not any(map(_is_developer, messages)):
        return None
    return [{**message, "role": "system"} if _is_developer(message) else message for message in messages]


def _is_developer(message: object) -> bool:
    return isinstance(message, dict) and message.get("role") == "developer"
