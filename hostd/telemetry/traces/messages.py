"""What a request asks and what it was answered, in the form of OpenTelemetry's messages, whatever dialect it was said in.

The form is told in https://github.com/open-telemetry/semantic-conventions-genai: messages of a role with parts, as JSON. What is no
text, such as a picture, is named and left out. All of it is read leniently: what is not understood is not there.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hostd.dialects.base import InferenceRequest
from hostd.telemetry.traces.request_spans import Attributes, Value

Json = dict[str, Any]

LARGEST = 256 * 1024
"""Bytes of a request, or of an answer, beyond which what it says is not exported."""
_NUMBERS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "seed": "seed",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    **dict.fromkeys(("max_tokens", "max_completion_tokens", "max_output_tokens", "num_predict"), "max_tokens"),
}


def parameters_of(document: Mapping[str, Any]) -> Attributes:
    """Return the parameters of a request as attributes."""
    options = document.get("options")
    found: dict[str, Value] = {}
    for values in (document, options if isinstance(options, dict) else {}):
        for name, attribute in _NUMBERS.items():
            value = values.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                found[f"gen_ai.request.{attribute}"] = value
    return found


def content_of(request: InferenceRequest, answer: bytes) -> Attributes:
    """Return what was asked and answered as attributes."""
    found: dict[str, Value] = {}
    if request.document.size <= LARGEST:
        system, messages = _asked(request.document)
        if system:
            found["gen_ai.system_instructions"] = _text(system)
        if messages:
            found["gen_ai.input.messages"] = _text(messages)
    said = _Said()
    for document in _documents(answer) if len(answer) <= LARGEST else ():
        said.take(document)
    if messages := said.messages():
        found["gen_ai.output.messages"] = _text(messages)
    if reasons := [choice.finish for choice in said.choices.values() if choice.finish]:
        found["gen_ai.response.finish_reasons"] = reasons
    if said.id:
        found["gen_ai.response.id"] = said.id
    return found


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _asked(document: Mapping[str, Any]) -> tuple[list[Json], list[Json]]:
    """Return the parts of a request's instructions, and its messages."""
    system = [*_parts(document.get("system")), *_parts(document.get("instructions"))]
    listed = document.get("messages", document.get("input", document.get("prompt")))
    if isinstance(listed, str):
        return system, [_message("user", _parts(listed))]
    messages = [_asked_message(each) for each in listed] if isinstance(listed, list) else []
    return system, [each for each in messages if each is not None]


def _asked_message(item: object) -> Json | None:
    if isinstance(item, str):
        return _message("user", _parts(item))
    if not isinstance(item, dict):
        return None
    match item.get("type"):
        case "function_call":
            return _message("assistant", [_call(item.get("call_id"), item.get("name"), item.get("arguments"))])
        case "function_call_output":
            return _message("tool", [_result(item.get("call_id"), item.get("output"))])
        case _:
            pass
    role = str(item.get("role", "user"))
    if role == "tool":
        return _message(role, [_result(item.get("tool_call_id"), item.get("content"))])
    calls = item.get("tool_calls")
    return _message(role, [*_parts(item.get("content")), *_calls(calls if isinstance(calls, list) else [])])


def _message(role: str, parts: list[Json]) -> Json:
    return {"role": role, "parts": parts}


def _calls(calls: Iterable[object]) -> Iterator[Json]:
    for call in calls:
        if isinstance(call, dict) and isinstance(function := call.get("function"), dict):
            yield _call(call.get("id"), function.get("name"), function.get("arguments"))


def _call(name_id: object, name: object, arguments: object) -> Json:
    return {"type": "tool_call", "id": name_id, "name": name, "arguments": _decoded(arguments)}


def _result(name_id: object, response: object) -> Json:
    return {"type": "tool_call_response", "id": name_id, "response": response}


def _decoded(arguments: object) -> object:
    """Return what *arguments* say, which may be written as JSON."""
    if isinstance(arguments, str):
        try:
            return json.loads(arguments)
        except ValueError:
            return arguments
    return arguments


def _parts(content: object) -> list[Json]:
    if isinstance(content, str):
        return [{"type": "text", "content": content}] if content else []
    if not isinstance(content, list):
        return []
    return [_part(each) for each in content if isinstance(each, str | dict)]


def _part(block: str | Json) -> Json:
    if isinstance(block, str):
        return {"type": "text", "content": block}
    match block.get("type"):
        case "text" | "input_text" | "output_text":
            return {"type": "text", "content": block.get("text", "")}
        case "thinking":
            return {"type": "reasoning", "content": block.get("thinking", "")}
        case "tool_use":
            return _call(block.get("id"), block.get("name"), block.get("input"))
        case "tool_result":
            return _result(block.get("tool_use_id"), block.get("content"))
        case other:
            # A picture or a sound would be most of the trace.
            return {"type": str(other)}


def _documents(answer: bytes) -> Iterator[Json]:
    """Yield the JSON objects of an answer: the whole one, the events of a stream, or its lines."""
    whole = answer.startswith(b"{") and b"}\n{" not in answer
    for line in [answer] if whole else answer.split(b"\n"):
        piece = line.removeprefix(b"data:").strip()
        if not piece.startswith(b"{"):
            continue
        try:
            document = json.loads(piece)
        except ValueError:
            continue
        if isinstance(document, dict):
            yield document


@dataclass(slots=True)
class _Choice:
    """One answer as far as it has come. Tool calls are id, name and arguments."""

    text: str = ""
    reasoning: str = ""
    calls: dict[object, list[str]] = field(default_factory=dict)
    finish: str = ""

    def call(self, index: object, call_id: object, name: object, arguments: object) -> None:
        said = self.calls.setdefault(index, ["", "", ""])
        said[0], said[1] = said[0] or str(call_id or ""), said[1] or str(name or "")
        said[2] += arguments if isinstance(arguments, str) else _text(arguments) if arguments else ""


class _Said:
    """Puts an answer together from its documents: one of a whole answer, many of a stream."""

    def __init__(self) -> None:
        self.id = ""
        self.choices: dict[int, _Choice] = {}

    def take(self, document: Json) -> None:
        """Read one."""
        kind = document.get("type")
        if kind == "response.completed" and isinstance(response := document.get("response"), dict):
            document = response
        elif isinstance(kind, str) and kind.startswith("response."):
            return
        started = document.get("message") if kind == "message_start" else document
        if isinstance(started, dict):
            self.id = self.id or str(started.get("id") or "")
        self._openai(document)
        self._anthropic(document)
        self._ollama(document)
        for item in _dicts(document.get("output")):
            self._item(item)

    def messages(self) -> list[Json]:
        """Return the answers as messages."""
        return [message for _, choice in sorted(self.choices.items()) if (message := _answered(choice))["parts"]]

    def _at(self, index: object = 0) -> _Choice:
        return self.choices.setdefault(index if isinstance(index, int) else 0, _Choice())

    def _openai(self, document: Json) -> None:
        for option in _dicts(document.get("choices")):
            choice = self._at(option.get("index"))
            said = option.get("delta") or option.get("message")
            choice.text += _str(option.get("text"))
            choice.finish = _str(option.get("finish_reason")) or choice.finish
            if isinstance(said, dict):
                self._add(choice, said)

    def _add(self, choice: _Choice, said: Json) -> None:
        choice.text += _str(said.get("content"))
        choice.reasoning += (
            _str(said.get("reasoning_content")) or _str(said.get("reasoning")) or _str(said.get("thinking"))
        )
        for call in _dicts(said.get("tool_calls")):
            if isinstance(function := call.get("function"), dict):
                # Pieces of a call name its place; a call that comes whole is the next one.
                index = call.get("index", len(choice.calls))
                choice.call(index, call.get("id"), function.get("name"), function.get("arguments"))

    def _anthropic(self, document: Json) -> None:
        blocks = list(_dicts(document.get("content")))
        if document.get("type") == "content_block_start" and isinstance(block := document.get("content_block"), dict):
            blocks = [block]
        for place, block in enumerate(blocks):
            self._block(document.get("index", place), block)
        delta = document.get("delta")
        if isinstance(delta, dict):
            self._block(document.get("index", 0), delta)
        reason = _str(document.get("stop_reason")) or (
            _str(delta.get("stop_reason")) if isinstance(delta, dict) else ""
        )
        if reason:
            self._at().finish = reason
        if completion := _str(document.get("completion")):
            self._at().text += completion

    def _block(self, index: object, block: Json) -> None:
        choice = self._at()
        choice.text += _str(block.get("text"))
        choice.reasoning += _str(block.get("thinking"))
        if block.get("type") == "tool_use":
            choice.call(index, block.get("id"), block.get("name"), block.get("input") or "")
        elif block.get("type") == "input_json_delta":
            choice.call(index, "", "", block.get("partial_json"))

    def _ollama(self, document: Json) -> None:
        message = document.get("message")
        if "done" not in document:
            return
        choice = self._at()
        if isinstance(message, dict):
            self._add(choice, message)
        choice.text += _str(document.get("response"))
        choice.finish = _str(document.get("done_reason")) or choice.finish

    def _item(self, item: Json) -> None:
        """Read one item of the Responses API's output."""
        choice = self._at()
        choice.finish = _str(item.get("status")) or choice.finish
        if item.get("type") == "function_call":
            choice.call(len(choice.calls), item.get("call_id"), item.get("name"), item.get("arguments"))
        for block in _dicts(item.get("content")):
            if item.get("type") == "reasoning":
                choice.reasoning += _str(block.get("text"))
            else:
                choice.text += _str(block.get("text"))


def _answered(choice: _Choice) -> Json:
    parts: list[Json] = [{"type": "reasoning", "content": choice.reasoning}] if choice.reasoning else []
    parts += [{"type": "text", "content": choice.text}] if choice.text else []
    parts += [_call(call_id, name, arguments) for call_id, name, arguments in choice.calls.values()]
    return {**_message("assistant", parts), "finish_reason": choice.finish}


def _dicts(value: object) -> Iterator[Json]:
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, dict))


def _str(value: object) -> str:
    return value if isinstance(value, str) else ""
