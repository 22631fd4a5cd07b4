"""A stream of Anthropic's events as the chunks of one of OpenAI's chat completions."""

from collections.abc import Callable
from typing import Any

import msgspec

from hostd.dialects.anthropic.events import MessageEvent, MessageStream, part_of
from hostd.dialects.from_messages.answer import FINISH_REASONS, completion_id, usage_of_message
from hostd.dialects.openai import errors
from hostd.dialects.openai.stream import DONE
from hostd.domain.errors import HostdError

Json = dict[str, Any]

_encode = msgspec.json.Encoder().encode


class MessagesToChatStream(MessageStream):
    """One stream on its way to a client of chat completions, in which the model is called *name*.

    *created* is in seconds since 1970. With *passes_sums* the stream ends with a chunk that tells the usage.
    """

    def __init__(self, name: str, created: float, *, passes_sums: bool) -> None:
        super().__init__()
        self._head: Json = {"id": "", "object": "chat.completion.chunk", "created": int(created), "model": name}
        self._passes_sums = passes_sums
        # The number of each tool call by that of its block.
        self._calls: dict[int, int] = {}
        self._given: set[int] = set()
        self._on: dict[str, Callable[[Json], bytes]] = {
            "message_start": self._start,
            "content_block_start": self._block,
            "content_block_delta": self._delta,
            "content_block_stop": self._stop_block,
            "message_stop": lambda _: self._formal_end(),
        }

    def end(self) -> bytes | None:
        """Return what a stream lacks that has said why it is over."""
        return self._formal_end() if self.complete else None

    def error_event(self, error: HostdError) -> bytes:
        """Return *error* as the last event of the stream."""
        return errors.event(error)

    def _said(self, event: bytes, found: MessageEvent) -> bytes:  # noqa: ARG002 - nothing is passed on as it is
        say = self._on.get(found.kind)
        return b"" if say is None else say(found.data)

    def _start(self, data: Json) -> bytes:
        self._head["id"] = completion_id(part_of(data, "message"))
        return self._chunk({"role": "assistant", "content": ""})

    def _block(self, data: Json) -> bytes:
        block, index = part_of(data, "content_block"), data.get("index")
        if block.get("type") == "text" and block.get("text"):
            return self._chunk({"content": block["text"]})
        if block.get("type") != "tool_use" or not isinstance(index, int):
            return b""
        number = self._calls.setdefault(index, len(self._calls))
        given = block.get("input")
        arguments = _encode(given).decode() if given else ""
        if arguments:
            self._given.add(index)
        function = {"name": block.get("name"), "arguments": arguments}
        return self._call({"index": number, "id": block.get("id"), "type": "function", "function": function})

    def _delta(self, data: Json) -> bytes:
        delta, index = part_of(data, "delta"), data.get("index")
        match delta.get("type"):
            case "text_delta":
                return self._chunk({"content": delta.get("text") or ""})
            case "thinking_delta":
                return self._chunk({"reasoning_content": delta.get("thinking") or ""})
            case "input_json_delta" if index in self._calls and delta.get("partial_json"):
                self._given.add(index)
                return self._call({"index": self._calls[index], "function": {"arguments": delta["partial_json"]}})
        return b""

    def _stop_block(self, data: Json) -> bytes:
        """Say that a tool is called without arguments, where none came: an empty text is no JSON."""
        index = data.get("index")
        if index not in self._calls or index in self._given:
            return b""
        return self._call({"index": self._calls[index], "function": {"arguments": "{}"}})

    def _call(self, call: Json) -> bytes:
        return self._chunk({"tool_calls": [call]})

    def _formal_end(self) -> bytes:
        finish = FINISH_REASONS.get(str(self.stop_reason), "stop")
        sums = b""
        if self._passes_sums:
            sums = _event({**self._head, "choices": [], "usage": usage_of_message(self.usage)})
        return self._chunk({}, finish) + sums + DONE

    def _chunk(self, delta: Json, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _event({**self._head, "choices": [choice]})


def _event(chunk: Json) -> bytes:
    return b"data: " + _encode(chunk) + b"\n\n"
