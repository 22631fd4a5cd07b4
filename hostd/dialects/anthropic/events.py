"""What one event of a streamed message is, and what a stream of them has told so far.

Source: https://docs.anthropic.com/en/docs/build-with-claude/streaming.
"""

from typing import Any, NamedTuple

from hostd.dialects.anthropic import errors
from hostd.dialects.anthropic.sums import prompt_tokens_of
from hostd.dialects.event_stream import EventStream
from hostd.dialects.from_chat.answer import count_of
from hostd.dialects.json_text import JsonError, parse_json

Json = dict[str, Any]

END = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
PING = b'event: ping\ndata: {"type":"ping"}\n\n'

_ERROR = (b"event: error\n", b"event:error\n")
_SHOWS_WORK = frozenset(
    {"message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta"}
)


class MessageEvent(NamedTuple):
    """One event by its *kind*: Anthropic's type, ``comment``, or ``broken`` for what is no JSON object; *data* is what it holds."""

    kind: str
    data: Json = {}  # noqa: RUF012 - never changed


_COMMENT = MessageEvent("comment")
_BROKEN = MessageEvent("broken")


def read_event(event: bytes) -> MessageEvent:
    """Return what *event* is."""
    if b"\r" in event:
        event = event.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines = [line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:")]
    if not lines:
        return _COMMENT
    try:
        data = parse_json(b"\n".join(lines))
    except JsonError:
        return _BROKEN
    if not isinstance(data, dict):
        return _BROKEN
    # An engine's own error has another type, or none.
    kind = "error" if event.startswith(_ERROR) else data.get("type")
    return MessageEvent(kind, data) if isinstance(kind, str) else _BROKEN


def part_of(data: Json, name: str) -> Json:
    """Return the object *name* in *data*; an empty one where there is none."""
    part = data.get(name)
    return part if isinstance(part, dict) else {}


class MessageStream(EventStream):
    """Reads a stream of Anthropic's. A subclass says what the client is sent for an event."""

    def __init__(self) -> None:
        super().__init__()
        self.stop_reason: str | None = None
        self.usage: Json = {}

    @property
    def complete(self) -> bool:
        """Whether it has been said why the message is over."""
        return not self.failure and self.stop_reason is not None

    @property
    def tokens(self) -> int:
        """The tokens of the answer: as counted where that was said, else one for each event."""
        return count_of(self.usage.get("output_tokens")) if self.complete else self.events

    @property
    def prompt_tokens(self) -> int:
        """The tokens of the prompt, cached ones included."""
        return prompt_tokens_of(self.usage)

    def _said(self, event: bytes, found: MessageEvent) -> bytes:
        """Return what the client is sent for *event*, which is what was *found*."""
        raise NotImplementedError

    def _event(self, event: bytes) -> bytes:
        found = read_event(event)
        kind, data = found
        self.events += kind in _SHOWS_WORK
        if kind == "error":
            self.engine_error = errors.of_stream(data)
            self._fail(f"the provider reported an error: {self.engine_error.message}")
        elif kind == "broken":
            self._fail("the provider sent an event that is no JSON object")
        elif kind == "message_start":
            self._note_usage(part_of(data, "message").get("usage"))
        elif kind == "content_block_delta":
            self.begun = True
        elif kind == "content_block_start":
            # A text or a thought is opened before there is any of it.
            block = part_of(data, "content_block")
            self.begun = self.begun or block.get("type") not in ("text", "thinking") or bool(block.get("text"))
        elif kind == "message_delta":
            self._note_usage(data.get("usage"))
            self.stop_reason = part_of(data, "delta").get("stop_reason") or self.stop_reason
            self.begun = self.begun or self.stop_reason is not None
        elif kind == "message_stop":
            if self.stop_reason is None:
                self._fail("the provider ended its answer in the middle")
            else:
                self.done = True
        return b"" if self.failure else self._said(event, found)

    def _note_usage(self, usage: object) -> None:
        if isinstance(usage, dict):
            self.usage |= {name: value for name, value in usage.items() if value is not None}
