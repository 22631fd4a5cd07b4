"""Streamed answers with the data again in the place of placeholders, however these are cut.

An upstream's own events are rewritten, before they are read for the client: placeholders come in pieces, since a model writes them
token by token. The end of a text that may become one is held back until the next piece, or until the text is over.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from hostd.dialects.base import Dialect
from hostd.dialects.framing import SseFramer, split_events
from hostd.dialects.json_text import JsonError, parse_json
from hostd.privacy.masking import Mask, held_back

Json = dict[str, Any]

_BEGINNING = b"["
_ESCAPED = b"\\u005"
"""How the first character of a placeholder is written in JSON: as it is, or escaped."""


class RestoredStream(ABC):
    """The events of one stream with the values of *mask*; texts are told apart by keys of the subclass."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._framer = SseFramer()
        self._held: dict[Any, str] = {}

    def feed(self, data: bytes) -> bytes:
        """Return the whole events that *data* completes."""
        return b"".join(self._restored(event) for event in split_events(self._framer.feed(data)))

    def _restored(self, event: bytes) -> bytes:
        if not self._held and _BEGINNING not in event.partition(b"data:")[2] and _ESCAPED not in event:
            return event
        data = _data_of(event)
        return event if data is None else self._said(event, data)

    @abstractmethod
    def _said(self, event: bytes, data: Json) -> bytes:
        """Return *event*, whose JSON is *data*, with the values of placeholders, and what has to go before it."""

    def _text(self, key: Any, text: str) -> str:
        """Return what can be said of the text *key*, which goes on with *text*."""
        text = self._held.pop(key, "") + text
        if kept := held_back(text):
            self._held[key] = text[-kept:]
            text = text[:-kept]
        return self._mask.restore(text)


class RestoredChat(RestoredStream):
    """The chunks of a chat completion, or of a completion."""

    _FIELDS = ("content", "reasoning_content", "reasoning", "refusal")

    def _restored(self, event: bytes) -> bytes:
        if self._held and event.startswith(b"data: [DONE]"):
            return self._rest() + event
        return super()._restored(event)

    def _said(self, event: bytes, data: Json) -> bytes:
        choices = data.get("choices")
        if not isinstance(choices, list):
            return event
        for choice in choices:
            if isinstance(choice, dict):
                self._choice(choice)
        return _event(data)

    def _choice(self, choice: Json) -> None:
        index = choice.get("index", 0)
        if isinstance(choice.get("text"), str):
            choice["text"] = self._text((index, "text"), choice["text"])
        delta = choice.get("delta")
        said = set()
        if isinstance(delta, dict):
            for key, part, name in _texts_of(index, delta, self._FIELDS):
                part[name] = self._text(key, part[name])
                said.add(key)
        over = choice.get("finish_reason") is not None
        # What another text of the choice has held back comes before this one, and all of it before the end.
        for key in [key for key in self._held if key[0] == index and (over or (said and key not in said))]:
            _append(choice, key, self._held.pop(key))

    def _rest(self) -> bytes:
        """Return an event with what is held back at the end of a stream that never said why it is over."""
        choices: list[Json] = []
        for key in list(self._held):
            choice: Json = {"index": key[0], "finish_reason": None}
            _append(choice, key, self._held.pop(key))
            choices.append(choice)
        return _event({"object": "chat.completion.chunk", "choices": choices})


class RestoredMessage(RestoredStream):
    """The events of a message."""

    _FIELDS = MappingProxyType({"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"})

    def _said(self, event: bytes, data: Json) -> bytes:
        kind, index, delta = data.get("type"), data.get("index"), data.get("delta")
        if kind == "content_block_stop":
            return b"".join(self._rest(index)) + event
        if kind != "content_block_delta" or not isinstance(delta, dict):
            return event
        name = self._FIELDS.get(str(delta.get("type")), "")
        if not isinstance(delta.get(name), str):
            # A signature belongs to the thought before it.
            return b"".join(self._rest(index)) + event
        delta[name] = self._text((index, delta["type"]), delta[name])
        return _event(data, kind)

    def _rest(self, index: object) -> Iterator[bytes]:
        for key in [key for key in self._held if key[0] == index]:
            delta = {"type": key[1], self._FIELDS[key[1]]: self._held.pop(key)}
            yield _event({"type": "content_block_delta", "index": index, "delta": delta}, "content_block_delta")


STREAMS: Mapping[Dialect, type[RestoredStream]] = MappingProxyType(
    {
        Dialect.OPENAI_CHAT: RestoredChat,
        Dialect.OPENAI_COMPLETIONS: RestoredChat,
        Dialect.ANTHROPIC_MESSAGES: RestoredMessage,
        Dialect.ANTHROPIC_TEXT: RestoredMessage,
    }
)
"""How streams of upstreams are restored; those of other dialects are not asked for with placeholders."""


def _texts_of(index: object, delta: Json, fields: tuple[str, ...]) -> Iterator[tuple[tuple[object, ...], Json, str]]:
    """Yield each text in *delta*: its key, the object that holds it, and its name there."""
    for name in fields:
        if isinstance(delta.get(name), str) and delta[name]:
            yield (index, name), delta, name
    for call in delta.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(function.get("arguments"), str):
            yield (index, "tool_calls", call.get("index", 0)), function, "arguments"


def _append(choice: Json, key: tuple[Any, ...], text: str) -> None:
    """Say *text*, which the text *key* has held back, in *choice*."""
    if key[1] == "text":
        choice["text"] = (choice.get("text") or "") + text
        return
    delta = choice.get("delta")
    delta = choice["delta"] = delta if isinstance(delta, dict) else {}
    if key[1] == "tool_calls":
        calls = delta["tool_calls"] = [*(delta.get("tool_calls") or ())]
        calls.insert(0, {"index": key[2], "function": {"arguments": text}})
    else:
        delta[key[1]] = text + (delta.get(key[1]) or "")


def _data_of(event: bytes) -> Json | None:
    lines = [
        line[5:].strip()
        for line in event.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        if line[:5] == b"data:"
    ]
    try:
        data = parse_json(b"\n".join(lines))
    except JsonError:
        return None
    return data if isinstance(data, dict) else None


def _event(data: Json, kind: str = "") -> bytes:
    head = f"event: {kind}\n" if kind else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()
