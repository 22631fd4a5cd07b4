"""From a client of the Anthropic dialect to a provider that speaks it: the bytes are passed on, the model's name apart."""

import re
from typing import Any

from hostd.dialects.anthropic import errors
from hostd.dialects.anthropic.events import END, MessageEvent, MessageStream
from hostd.dialects.openai.stream import ModelNameRewriter
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import HostdError

Json = dict[str, Any]

_OURS = re.compile(rb'"signature"\s*:\s*""')


class MessagePassthrough(MessageStream):
    """One stream on its way to the client, in which the model is called *name*."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._rewriter = ModelNameRewriter(name)

    def end(self) -> bytes | None:
        """Return the formal end where only that is missing."""
        return END if self.complete else None

    def error_event(self, error: HostdError) -> bytes:
        """Return *error* as the last event of the stream."""
        return errors.event(error)

    def _said(self, event: bytes, found: MessageEvent) -> bytes:
        return self._rewriter.apply(event) if found.kind == "message_start" else event


def for_provider(document: RequestDocument) -> RequestDocument:
    """Return *document* without thoughts that other models had earlier in the conversation: the provider has not signed them.

    A model that must begin each turn with a thought is then asked for none, where the conversation is in the middle of one.
    """
    if _OURS.search(document.raw("messages") or b"") is None:
        return document
    changed: list[Json] = []
    for message in document["messages"]:
        content = message["content"]
        if isinstance(content, list):
            content = [block for block in content if block.get("type") != "thinking" or block.get("signature")]
        if content or not isinstance(message["content"], list):
            changed.append({**message, "content": content})
    thinking = document.get("thinking")
    manual = isinstance(thinking, dict) and thinking.get("type") == "enabled"
    return document.replace({"messages": changed}, ("thinking",) if manual else ())
