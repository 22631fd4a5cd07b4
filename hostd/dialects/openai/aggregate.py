"""Makes an answer in one piece of a stream: what the engine itself would have said, had it been asked for no stream.

Some engines see that a client has gone only while they stream to it. They are asked for a stream whatever the client wants.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from hostd.dialects.openai import stream

Json = dict[str, Any]
Columns = defaultdict[str, list[Any]]

PATHS = frozenset({"/v1/chat/completions", "/v1/completions"})
"""Where answers come in pieces at all."""

_GIVEN_UP = ("abort", "error")
_SAID_ONCE = frozenset({"id", "type", "name", "role"})
_OF_ALL = ("id", "object", "created", "model", "system_fingerprint")


def request(body: Mapping[str, Any]) -> Json:
    """Return the request for a stream whose chunks tell all that the answer to *body* would tell."""
    return {**body, "stream": True, "stream_options": {"include_usage": True}}


class StreamAggregator:
    """Takes in a stream's bytes as they come and puts its chunks together.

    *chunks* counts them. *begun* says that something of the answer itself has come, *done* that all of it has. *trouble* says why
    it never will be whole; *error* is the engine's own error object where that is why.
    """

    def __init__(self) -> None:
        self.chunks = 0
        self.begun = False
        self.done = False
        self.trouble = ""
        self.error: Json | None = None
        self._rest = b""
        self._head: Json = {}
        self._choices: dict[int, _Choice] = {}
        self._tails: dict[int, Json] = {}
        self._latest = 0

    def feed(self, data: bytes) -> None:
        """Take in *data*; what follows the answer's end, or trouble, is nothing of it."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if line.startswith(b"data:") and not self.done and not self.trouble:
                self._take(line[5:].strip())

    @property
    def tokens(self) -> tuple[int, int]:
        """The tokens of the prompt and of the answer as the engine has counted them, or 0."""
        usage = self._tail.get("usage") or {}
        return usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0

    def document(self) -> Json:
        """Return the answer."""
        options = [self._choices[index].document(index) for index in sorted(self._choices)]
        return {"choices": options, **self._head, **self._tail}

    @property
    def _tail(self) -> Json:
        # Where each choice comes with sums of its own, those of the first one stand for the answer.
        return self._tails[min(self._tails)] if self._tails else {}

    def _take(self, data: bytes) -> None:
        if data == b"[DONE]":
            self.done = bool(self._choices) and all(option.finish for option in self._choices.values())
            self.trouble = "" if self.done else "the engine ended its answer in the middle"
            return
        try:
            chunk = json.loads(data)
            if chunk is not None:  # llama-server has nothing to say where it has read one of several prompts
                self._add(chunk)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            self.trouble = "the engine sent an event that makes no sense"

    def _add(self, chunk: Json) -> None:
        self.chunks += 1
        if "error" in chunk:
            error = chunk["error"]
            self.error = error if isinstance(error, dict) else {"message": str(error)}
            self.trouble = f"the engine reported an error: {self.error.get('message')}"
            return
        if not self._head:
            self._head = _head(chunk)
        ends = not chunk["choices"]
        for said in chunk["choices"]:
            self._latest = said["index"]
            option = self._choices.get(self._latest)
            if option is None:
                option = self._choices[self._latest] = _Choice()
            option.add(said)
            self.begun = self.begun or stream.speaks(said)
            if option.finish is not None:
                ends = True
                if option.finish in _GIVEN_UP:
                    self.trouble = "the engine gave the answer up before its end"
        if ends:
            more = {name: value for name, value in chunk.items() if name != "choices" and name not in _OF_ALL}
            self._tails.setdefault(self._latest, {}).update(more)


class _Choice:
    """What the chunks have said so far of one choice, name by name."""

    def __init__(self) -> None:
        self.finish: str | None = None
        self._said: Columns = defaultdict(list)
        self._message: Columns | None = None

    def add(self, said: Json) -> None:
        """Add what a chunk says."""
        for name, value in said.items():
            if name == "delta":
                if self._message is None:
                    self._message = defaultdict(list)
                for part, piece in (value or {}).items():
                    self._message[part].append(piece)
            elif name == "finish_reason":
                self.finish = value or self.finish
            elif name != "index":
                self._said[name].append(value)

    def document(self, index: int) -> Json:
        """Return the choice."""
        said = {"finish_reason": self.finish, "index": index, **_joined(self._said)}
        if self._message is None:
            return said
        message = {"role": "assistant", **_joined(self._message)}
        return {**said, "message": {**message, "content": message.get("content") or ""}}


def _head(chunk: Json) -> Json:
    head = {name: chunk[name] for name in _OF_ALL if name in chunk}
    if "object" in head:
        head["object"] = head["object"].removesuffix(".chunk")
    return head


def _joined(columns: Mapping[str, list[Any]]) -> Json:
    """Return one value for each column of values that followed each other."""
    return {name: _join(name, [value for value in column if value is not None]) for name, column in columns.items()}


def _join(name: str, values: list[Any]) -> Any:
    if not values:
        return None
    first = values[0]
    if isinstance(first, str):
        return first if name in _SAID_ONCE else "".join(values)
    if isinstance(first, dict):
        return _joined(_columns(values))
    if isinstance(first, list):
        items = [item for value in values for item in value]
        return _calls(items) if name == "tool_calls" else items
    return values[-1]


def _calls(pieces: Iterable[Json]) -> list[Json]:
    """Return the tool calls of which *pieces*, numbered by the call that they belong to, are made."""
    calls: dict[int, list[Json]] = {}
    for piece in pieces:
        calls.setdefault(piece["index"], []).append(piece)
    whole = (_joined(_columns(calls[index])) for index in sorted(calls))
    return [{name: value for name, value in call.items() if name != "index"} for call in whole]


def _columns(documents: Iterable[Json]) -> Columns:
    columns: Columns = defaultdict(list)
    for document in documents:
        for name, value in document.items():
            columns[name].append(value)
    return columns
