"""What a client calls the conversation that a request belongs to.

Clients of agents send a name in a header or in the body; one that says ``x-hostd-session`` means that. The names are random or a
client's own, so they are for telling one client's conversations apart, and never for telling clients apart.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from multidict import istr

from hostd.dialects.json_text import JsonError, parse_json
from hostd.dialects.request_document import RequestDocument

HEADERS = (
    istr("X-Hostd-Session"),
    istr("X-Claude-Code-Session-Id"),
    istr("Session-Id"),
    istr("Session_id"),
    istr("Conversation_id"),
    istr("X-Session-Id"),
    istr("X-Session-Affinity"),
)
"""hostd's own, Claude Code's, Codex's (the newer first), and OpenCode's; their case is folded here once, not at each look-up."""

LONGEST = 128
"""Characters of a name; a longer one is known by its digest."""

_MOST_BYTES = 4096
"""Bytes of a member of a body that are looked at; Claude Code's has some 250."""


def session_name(headers: Mapping[str, str], document: RequestDocument) -> str | None:
    """Return what the client of a request calls its conversation: in its *headers*, else in the body; None where it does not."""
    if not headers.keys().isdisjoint(HEADERS):
        for header in HEADERS:
            if found := headers.get(header):
                return _short(found)
    if "prompt_cache_key" in document or "metadata" in document:
        found = _text(document, "prompt_cache_key") or _of_metadata(document)
        return _short(found) if found else None
    return None


def _text(document: RequestDocument, member: str) -> str:
    """Return the text that *member* is; empty for any other value, and for one of `_MOST_BYTES` and more."""
    if not 2 < document.size_of(member) < _MOST_BYTES:
        return ""
    value = document[member]
    return value if isinstance(value, str) else ""


def _of_metadata(document: RequestDocument) -> str:
    """Return the session in Anthropic's ``metadata.user_id``, which Claude Code writes as JSON, or ``…_session_ID`` before."""
    if not 2 < document.size_of("metadata") < _MOST_BYTES:
        return ""
    metadata = document["metadata"]
    user: Any = metadata.get("user_id") if isinstance(metadata, dict) else None
    if not isinstance(user, str):
        return ""
    if user.startswith("{"):
        try:
            said = parse_json(user.encode("utf-8", "replace"))
        except JsonError:
            return ""
        session = said.get("session_id") if isinstance(said, dict) else None
        return session if isinstance(session, str) else ""
    return user.rpartition("_session_")[2] if "_session_" in user else ""


def _short(name: str) -> str:
    if len(name) <= LONGEST and name.isprintable():
        return name
    return hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
