"""What a message consists of, whole and as events: blocks one after another, each opened, continued and closed."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from hostd.dialects.anthropic import errors
from hostd.dialects.anthropic.events import END
from hostd.dialects.anthropic.sums import estimate
from hostd.dialects.base import AnswerContext
from hostd.dialects.from_chat.answer import CallPiece, ChatAnswer, Piece, Usage, whole_calls
from hostd.domain.errors import HostdError

Json = dict[str, Any]

_STOP_REASONS: Mapping[str, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
"""Anthropic's word for each of OpenAI's."""
_DELTA = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":%b}}\n\n'
)
"""What almost all events are, with the number of their block."""

_encode = msgspec.json.Encoder().encode


class MessageWriter:
    """Writes one stream of events; see `hostd.dialects.from_chat.stream.StreamWriter`.

    Blocks are not woven into each other: text that comes while a call is open follows it, and no thought does.
    """

    def __init__(self, context: AnswerContext) -> None:
        self._context = context
        self._prompt_tokens = 0
        self._index = -1
        # What kind of block is open: a thought, a text, or the call of a number.
        self._open: str | int | None = None
        self._later: list[str] = []

    def begin(self, chat_id: str, created: int, prompt_tokens: int) -> bytes:  # noqa: ARG002 - a message has an id of its own
        """Return the beginning, which tells how many tokens the prompt has: an estimate where the engine counts them at the end."""
        self._prompt_tokens = prompt_tokens or estimate(self._context.request.document)
        message = _message(self._context, [], (None, None), Usage(self._prompt_tokens))
        return _event("message_start", {"message": message})

    def piece(self, piece: Piece) -> bytes:
        """Return the events that say *piece*; a refusal is text to clients of this dialect, which know no other."""
        said = b""
        calling = isinstance(self._open, int)
        if piece.reasoning and not calling:
            said += self._thought(piece.reasoning)
        if text := piece.text or piece.refusal:
            if calling:
                self._later.append(text)
            else:
                said += self._text(text)
        return said + b"".join(map(self._call, piece.calls)) if piece.calls else said

    def end(self, reason: str, usage: Usage, stop_text: str) -> bytes:
        """Return the end, with the sums."""
        why, at = _stop(reason, stop_text)
        delta = {"stop_reason": why, "stop_sequence": at}
        sums = _usage(usage if usage.prompt else usage._replace(prompt=self._prompt_tokens))
        over = self._said_later() + self._closed()
        return over + _event("message_delta", {"delta": delta, "usage": sums}) + END

    def error_event(self, error: HostdError) -> bytes:
        """Return *error* as the last event of the stream."""
        return errors.event(error)

    def _thought(self, text: str) -> bytes:
        opened = self._opened("thinking", {"type": "thinking", "thinking": "", "signature": ""})
        return opened + self._delta(b"thinking_delta", b"thinking", text)

    def _text(self, text: str) -> bytes:
        opened = self._opened("text", {"type": "text", "text": ""})
        return opened + self._delta(b"text_delta", b"text", text)

    def _call(self, call: CallPiece) -> bytes:
        said = b""
        if self._open != call.number:
            block = {"type": "tool_use", "id": call.call_id or f"call_{call.number}", "name": call.name, "input": {}}
            said = self._said_later() + self._opened(call.number, block)
        if call.arguments:
            said += self._delta(b"input_json_delta", b"partial_json", call.arguments)
        return said

    def _said_later(self) -> bytes:
        text, self._later = "".join(self._later), []
        return self._text(text) if text.strip() else b""

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

    def _delta(self, kind: bytes, member: bytes, text: str) -> bytes:
        return _DELTA % (self._index, kind, member, _encode(text))


def whole_message(said: ChatAnswer, context: AnswerContext) -> bytes:
    """Return a whole answer.

    Raises:
        BrokenAnswerError: It has a tool call that no client could run.
    """
    piece, usage = said.piece, said.usage
    content: list[Json] = []
    if piece.reasoning:
        content.append({"type": "thinking", "thinking": piece.reasoning, "signature": ""})
    if text := piece.text or piece.refusal:
        content.append({"type": "text", "text": text})
    content += [
        {"type": "tool_use", "id": call.call_id, "name": call.name, "input": call.arguments}
        for call in whole_calls(piece.calls, cut=said.reason == "length")
    ]
    if not usage.prompt:
        usage = usage._replace(prompt=estimate(context.request.document))
    return json.dumps(_message(context, content, _stop(said.reason, said.stop_text), usage)).encode()


def _message(context: AnswerContext, content: list[Json], stop: tuple[str | None, str | None], usage: Usage) -> Json:
    return {
        "id": "msg_" + context.request_id.removeprefix("req_"),
        "type": "message",
        "role": "assistant",
        "model": context.name,
        "content": content,
        "stop_reason": stop[0],
        "stop_sequence": stop[1],
        "usage": _usage(usage),
    }


def _stop(reason: str, text: str) -> tuple[str, str | None]:
    """Return why an answer is over, and the text at which it stopped where that is known."""
    return ("stop_sequence", text) if reason == "stop" and text else (_STOP_REASONS[reason], None)


def _usage(usage: Usage) -> Json:
    """Return *usage* as Anthropic's, which counts what was read from the cache apart."""
    return {
        "input_tokens": max(0, usage.prompt - usage.cached),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.answer,
    }


def _event(kind: str, data: Json) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), _encode({"type": kind, **data}))
