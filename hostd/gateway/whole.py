"""Makes an answer in one piece of a stream: what the engine itself would have said, had it been asked for no stream.

Some engines notice only while they stream that their client has gone. From them a stream is asked for whatever the client wants.
"""

import json
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

PATHS = frozenset({"/v1/chat/completions", "/v1/completions"})
"""Where answers come in pieces at all."""

_CHUNK = ".chunk"
_GIVEN_UP = ("abort", "error")


def request(body: Mapping[str, Any]) -> Json:
    """Return the request for a stream whose chunks tell all that the answer to *body* would tell."""
    return {**body, "stream": True, "stream_options": {"include_usage": True}}


class Assembly:
    """Takes in a stream's bytes as they come and adds its chunks up.

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
        """Take in *data*; what follows the end of the answer, or trouble, is nothing of it."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if line.startswith(b"data:") and not self.done and not self.trouble:
                self._take(line[5:].strip())

    def document(self) -> Json:
        """Return the answer."""
        choices = [self._choices[index].document(index) for index in sorted(self._choices)]
        # Where each choice has its own sums, those of the first one stand for the answer.
        tail = self._tails[min(self._tails)] if self._tails else {}
        return {"choices": choices, **self._head, **tail}

    def _take(self, data: bytes) -> None:
        if data == b"[DONE]":
            return self._end()
        try:
            chunk = json.loads(data)
            if chunk is not None:  # llama-server says so where it has nothing to say yet
                self._add(chunk)
        except (ValueError, LookupError, TypeError, AttributeError):
            self.trouble = "the engine sent an event that makes no sense"
        return None

    def _end(self) -> None:
        self.done = bool(self._choices) and all(choice.finish for choice in self._choices.values())
        if not self.done:
            self.trouble = "the engine ended its answer in the middle"

    def _add(self, chunk: Json) -> None:
        self.chunks += 1
        if "error" in chunk:
            error = chunk["error"]
            self.error = error if isinstance(error, dict) else {"message": str(error)}
            self.trouble = f"the engine reported an error: {self.error.get('message')}"
            return
        ends = not chunk["choices"]
        for said in chunk["choices"]:
            index = self._latest = said["index"]
            choice = self._choices.get(index)
            if choice is None:
                choice = self._choices[index] = _Choice()
            self.begun |= choice.add(said)
            ends |= choice.finish is not None
            if choice.finish in _GIVEN_UP:
                self.trouble = "the engine gave the answer up before its end"
        if ends:
            named = {name: value for name, value in chunk.items() if name not in ("choices", *self._head)}
            self._tails[self._latest] = {**self._tails.get(self._latest, {}), **named}
        if not self._head:
            self._head = _head(chunk)


def _head(chunk: Json) -> Json:
    """Return what the first *chunk* says about the whole answer."""
    names = ("id", "object", "created", "model", "system_fingerprint")
    head = {name: chunk[name] for name in names if name in chunk}
    if "object" in head:
        head["object"] = head["object"].removesuffix(_CHUNK)
    return head


class _Choice:
    """One of the answers to choose from."""

    def __init__(self) -> None:
        self.finish: str | None = None
        self._chat = False
        self._text: list[str] = []
        self._more: Json = {}
        self._message: dict[str, list[str]] = {}
        self._calls: dict[int, Json] = {}

    def add(self, said: Json) -> bool:
        """Add what a chunk says of it; return whether it is something of the answer, or its end."""
        raise NotImplementedError

    def document(self, index: int) -> Json:
        """Return it."""
        raise NotImplementedError
