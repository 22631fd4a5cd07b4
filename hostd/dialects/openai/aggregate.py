"""Puts a whole answer together from a stream: what the engine itself would have said, had it been asked for no stream.

Some engines notice only while they stream that a client has disconnected, so they are asked for a stream in any case.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from hostd.dialects.base import MALFORMED_CALL, Answer
from hostd.dialects.framing import MAX_EVENT, SseFramer, split_events
from hostd.dialects.openai import errors, tool_calls
from hostd.dialects.openai.events import GIVEN_UP, ChoiceEnds, EventKind, Json, has_text, index_of, read_event
from hostd.dialects.openai.prompt_progress import PromptReader
from hostd.dialects.openai.whole import too_few
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import HostdError

Columns = defaultdict[str, list[Any]]

MAX_ANSWER = 64 * 1024 * 1024
"""Bytes of a stream of which one answer is put together; the longest answers have a megabyte or two, vectors and pictures apart."""
_SAID_ONCE = frozenset({"id", "type", "name", "role"})
_DO_NOT_FIT = (TypeError, ValueError, AttributeError, LookupError, RecursionError)
_OF_ALL = ("id", "object", "created", "model", "system_fingerprint")


class _TextDelta(msgspec.Struct, forbid_unknown_fields=True):
    content: str | msgspec.UnsetType = msgspec.UNSET
    reasoning_content: str | msgspec.UnsetType = msgspec.UNSET


class _TextChoice(msgspec.Struct, forbid_unknown_fields=True):
    index: int
    delta: _TextDelta
    finish_reason: None = None


class _TextChunk(msgspec.Struct):
    """A chunk that does nothing but continue texts, as almost all do; decoded in a fifth of the time of any chunk."""

    choices: list[_TextChoice]
    error: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decode_text = msgspec.json.Decoder(_TextChunk).decode


def request(document: RequestDocument) -> RequestDocument:
    """Return the request for a stream whose chunks tell all that a whole answer to *document* would tell."""
    return document.replace({"stream": True, "stream_options": {"include_usage": True}})


class StreamAggregator:
    """Reads a stream's bytes as they come and puts its chunks together; see `hostd.dialects.base.AnswerAssembler`.

    The answer has so many *choices*, and is given the *name* of the model that clients know.
    """

    def __init__(self, choices: int = 1, name: str = "") -> None:
        self._name = name
        self.prompt = PromptReader()
        self.events = 0
        self.begun = False
        self.done = False
        self.failure = ""
        self.engine_error: HostdError | None = None
        self._expected = choices
        self._ends = ChoiceEnds()
        self._framer = SseFramer()
        self._bytes = 0
        self._last = b""
        # Heartbeats are alike, and a server that is stuck may send thousands at once.
        self._says_nothing = False
        self._head: Json = {}
        self._choices: dict[int, _Choice] = {}
        self._tails: dict[int, Json] = {}
        self._latest = 0

    def feed(self, data: bytes) -> None:
        """Read *data*; what follows the answer's end, or failure, is no part of it."""
        self._bytes += len(data)
        events = self._framer.feed(data)
        if self._framer.overflowed:
            self._fail(f"the engine sent an event of more than {MAX_EVENT >> 20} MiB")
        elif self._bytes > MAX_ANSWER:
            self._fail(f"the engine sent more than {MAX_ANSWER >> 20} MiB")
        for event in split_events(events):
            if self.done or self.failure:
                break
            if event != self._last or not self._says_nothing:
                self._last, self._says_nothing = event, False
                self._read(event)

    def end(self) -> bool:
        """Return whether the answer is whole now that its stream has ended, if need be without its formal end."""
        self.done = self.done or (not self.failure and self._ends.complete())
        return self.done

    @property
    def complete(self) -> bool:
        """Whether nothing but the formal end, and sums, can follow."""
        return not self.failure and self._ends.complete(self._expected)

    @property
    def settled(self) -> bool:
        """Whether the answer is *complete*, and the engine's word for that can be trusted even if its connection breaks."""
        return self.complete and not self._ends.revoked

    def answer(self) -> Answer:
        """Return the whole answer."""
        usage = self._tail.get("usage")
        sums = usage if isinstance(usage, dict) else {}
        try:
            document = self.document()
            if (error := too_few(len(document["choices"]), self._expected)) is not None:
                return Answer(b"", failure=error.message, engine_error=error)
            if not all(map(tool_calls.are_sound, document["choices"])):
                return Answer(b"", failure=MALFORMED_CALL)
            body = json.dumps({**document, "model": self._name}).encode()
        except _DO_NOT_FIT:
            return Answer(b"", failure="the engine sent chunks that do not fit together")
        return Answer(body, _count(sums.get("prompt_tokens")), _count(sums.get("completion_tokens")), self.failure)

    def document(self) -> Json:
        """Return the answer as the engine would have given it."""
        choices = [self._choices[index].document(index) for index in sorted(self._choices)]
        return {"choices": choices, **self._head, **self._tail}

    @property
    def signs(self) -> int:
        """How often the stream has shown that the engine works."""
        return self.events + self.prompt.signs

    @property
    def _tail(self) -> Json:
        # Where each choice comes with sums of its own, those of the first one stand for the answer.
        return self._tails[min(self._tails)] if self._tails else {}

    def _read(self, event: bytes) -> None:
        if self.begun and event.startswith(b"data:") and self._continue(event[5:]):
            return
        if not self.begun:
            self.prompt.look(event)
        found = read_event(event)
        if found.kind is EventKind.CHUNK:
            if not self.prompt.read(found.chunk):
                self._add(found.chunk)
        elif found.kind in (EventKind.COMMENT, EventKind.HEARTBEAT):
            self._says_nothing = True
        elif found.kind is EventKind.DONE:
            self.done = self._ends.over_by_done()
            if not self.done:
                self._fail("the engine ended its answer in the middle")
        elif found.kind is EventKind.ERROR:
            self.engine_error = errors.of_stream(found.error)
            self._fail(f"the engine reported an error: {self.engine_error.message}")
        elif found.kind is EventKind.BROKEN:
            self._fail("the engine sent an event that makes no sense")

    def _continue(self, data: bytes) -> bool:
        """Return whether *data* is a chunk that only continues texts, and if so, add it."""
        try:
            chunk = _decode_text(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return False
        if chunk.error is not msgspec.UNSET or not chunk.choices:
            return False
        for piece in chunk.choices:
            choice = self._choices.get(piece.index)
            if choice is None or choice.finish is not None:
                return False
        for piece in chunk.choices:
            self._latest = piece.index
            self._choices[piece.index].add_text(piece.delta.content, piece.delta.reasoning_content)
        self.events += 1
        return True

    def _add(self, chunk: Json) -> None:
        choices = chunk["choices"]
        self._says_nothing = not choices and self._head != {}
        self.events += bool(choices or chunk.get("usage"))
        if not self._head:
            self._head = _head(chunk)
        ends = not choices
        for said in choices:
            self._ends.note(said)
            self._latest = index_of(said)
            choice = self._choices.get(self._latest)
            if choice is None:
                choice = self._choices[self._latest] = _Choice()
            choice.add(said)
            self.begun = self.begun or has_text(said) or bool(said.get("finish_reason"))
            if choice.finish is not None:
                ends = True
                if choice.finish in GIVEN_UP:
                    self._fail("the engine gave the answer up before its end")
        if self._ends.too_many:
            self._fail("the engine sent more choices than it was asked for")
        if ends:
            more = {name: value for name, value in chunk.items() if name != "choices" and name not in _OF_ALL}
            self._tails.setdefault(self._latest, {}).update(more)

    def _fail(self, why: str) -> None:
        self.failure = self.failure or why


class _Choice:
    """What the chunks have said so far of one choice, name by name."""

    def __init__(self) -> None:
        self.finish: str | None = None
        self._said: Columns = defaultdict(list)
        self._message: Columns | None = None

    def add(self, said: Json) -> None:
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

    def add_text(self, content: str | msgspec.UnsetType, reasoning: str | msgspec.UnsetType) -> None:
        if self._message is None:
            self._message = defaultdict(list)
        if content is not msgspec.UNSET:
            self._message["content"].append(content)
        if reasoning is not msgspec.UNSET:
            self._message["reasoning_content"].append(reasoning)

    def document(self, index: int) -> Json:
        message = None if self._message is None else {"role": "assistant", **_joined(self._message)}
        # A server that never says why an answer is over has ended it by [DONE].
        usual = "tool_calls" if message and message.get("tool_calls") else "stop"
        said = {"finish_reason": self.finish or usual, "index": index, **_joined(self._said)}
        if message is None:
            return said
        return {**said, "message": {**message, "content": message.get("content") or ""}}


def _count(value: object) -> int:
    """Return a count of tokens, 0 where *value* is none."""
    return value if isinstance(value, int) and 0 <= value < 10**12 else 0


def _head(chunk: Json) -> Json:
    head = {name: chunk[name] for name in _OF_ALL if name in chunk}
    if isinstance(head.get("object"), str):
        head["object"] = head["object"].removesuffix(".chunk")
    return head


def _joined(columns: Mapping[str, list[Any]]) -> Json:
    """Return one value for each column of values that followed each other."""
    return {name: _join(name, [value for value in column if value is not None]) for name, column in columns.items()}


def _join(name: str, values: list[Any]) -> Any:
    """Return what *values*, which followed each other under one *name*, make up.

    Raises:
        TypeError: They are of several kinds.
    """
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
    """Return the tool calls of which *pieces* are made: numbered by the call that they belong to, or begun by an id."""
    calls: dict[int, list[Json]] = {}
    latest = -1
    for piece in pieces:
        index = piece.get("index")
        if index is None:
            index = latest + 1 if piece.get("id") or latest < 0 else latest
        latest = int(index)
        calls.setdefault(latest, []).append(piece)
    whole = (_joined(_columns(calls[index])) for index in sorted(calls))
    return [{name: value for name, value in call.items() if name != "index"} for call in whole]


def _columns(documents: Iterable[Json]) -> Columns:
    columns: Columns = defaultdict(list)
    for document in documents:
        for name, value in document.items():
            columns[name].append(value)
    return columns
