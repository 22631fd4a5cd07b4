"""Writes the events of a streamed message: blocks one after another, each opened, continued and closed."""

from typing import Any

import msgspec

from hostd.dialects.anthropic.events import END

Json = dict[str, Any]

_encode = msgspec.json.Encoder().encode


class MessageEventWriter:
    """The events of one message of the model *name*. *calls* says that a tool was called."""

    def __init__(self, name: str) -> None:
        self.calls = False
        self.started = False
        self._name = name
        self._index = -1
        # What kind of block is open: a thought, a text, or the call of a number.
        self._open: str | int | None = None

    def start(self, identity: str, prompt_tokens: int) -> bytes:
        """Return the beginning; *prompt_tokens* may be an estimate, as the sums come at the end."""
        self.started = True
        usage = {
            "input_tokens": prompt_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 0,
        }
        message: Json = {
            "id": identity,
            "type": "message",
            "role": "assistant",
            "model": self._name,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        }
        return _event("message_start", {"message": message})

    def thought(self, text: str) -> bytes:
        """Return *text* as a part of a thought."""
        opened = self._opened("thinking", {"type": "thinking", "thinking": "", "signature": ""})
        return opened + self._delta({"type": "thinking_delta", "thinking": text})

    def text(self, text: str) -> bytes:
        """Return *text* as a part of the answer."""
        return self._opened("text", {"type": "text", "text": ""}) + self._delta({"type": "text_delta", "text": text})

    def call(self, number: int, identity: str, name: str) -> bytes:
        """Return the beginning of the tool call of this *number*."""
        self.calls = True
        return self._opened(number, {"type": "tool_use", "id": identity, "name": name, "input": {}})

    def arguments(self, text: str) -> bytes:
        """Return *text* as a part of the open call's arguments."""
        return self._delta({"type": "input_json_delta", "partial_json": text})

    def finish(self, reason: str, at: str | None, usage: Json) -> bytes:
        """Return the end."""
        delta = {"stop_reason": reason, "stop_sequence": at}
        return self._closed() + _event("message_delta", {"delta": delta, "usage": usage}) + END

    def _opened(self, kind: str | int, block: Json) -> bytes:
        if self._open == kind:
            return b""
        closed = self._closed()
        self._open = kind
        self._index += 1
        return closed + _event("content_block_start", {"index": self._index, "content_block": block})

    def _closed(self) -> bytes:
        if self._open is None:
            return b""
        self._open = None
        return _event("content_block_stop", {"index": self._index})

    def _delta(self, delta: Json) -> bytes:
        return _event("content_block_delta", {"index": self._index, "delta": delta})


def _event(kind: str, data: Json) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), _encode({"type": kind, **data}))
