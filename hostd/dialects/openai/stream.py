"""Streamed answers in the OpenAI dialect: whether one has begun, is done, or has broken, without decoding most of its chunks.

Bytes are passed on as they are, but for the name of the model and heartbeats.
"""

import json
import re
from collections import deque
from functools import lru_cache

from hostd.dialects.framing import MAX_EVENT, SseFramer, split_events
from hostd.dialects.openai import errors
from hostd.dialects.openai.events import GIVEN_UP, ChoiceEnds, EventKind, Json, has_text, read_event
from hostd.dialects.openai.prompt_progress import PromptReader
from hostd.domain.errors import HostdError

DONE = b"data: [DONE]\n\n"

_MODEL = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')
_TOKENS = re.compile(rb'"completion_tokens"\s*:\s*(\d{1,12})(?!\d)')
_PREDICTED = re.compile(rb'"predicted_n"\s*:\s*(\d{1,12})(?!\d)')
_PROMPT_TOKENS = re.compile(rb'"prompt_tokens"\s*:\s*(\d{1,12})(?!\d)')
_PROMPT_PARTS = re.compile(rb'"(?:prompt_n|cache_n)"\s*:\s*(\d{1,12})(?!\d)')
_TAIL = 2048
"""Bytes at the end of an answer in which it says why it is over and what it cost."""
_TAIL_CHUNKS = 16
_MAX_HELD = 1024 * 1024
"""Bytes of a stream that are held back at most until its answer begins: roles, reports, comments."""
_MARKS = (
    (b'"finish_reason":null', b'"choices":[{'),
    (b'"finish_reason": null', b'"choices": [{'),
)
"""What engines write once into each chunk that goes on with one choice: with spaces or without."""


@lru_cache(maxsize=256)
def _encoded(name: str) -> bytes:
    return json.dumps(name).encode()


class ModelNameRewriter:
    """Puts *name* where an engine puts its own, which may be a path, a tag, or another server's word.

    An engine writes it in the same way in each event, so it is looked for once; inside a string, its quotes would be escaped.
    """

    __slots__ = ("_differs", "_name", "_ours", "_theirs")

    def __init__(self, name: str) -> None:
        self._name = _encoded(name)
        self._ours = b'"model":' + self._name
        self._theirs: bytes | None = None
        self._differs = True

    def apply(self, data: bytes) -> bytes:
        """Return *data*, whole events or a whole document, with the name that clients know."""
        if not self._differs:
            return data
        if self._theirs is None:
            start = data.find(b'"model"')
            found = _MODEL.search(data, start) if start >= 0 else None
            if found is None:
                return data
            self._theirs = found[0]
            self._differs = found[1] != self._name
            if not self._differs:
                return data
        return data.replace(self._theirs, self._ours)


class OpenAiStream:
    """One stream from an engine that speaks OpenAI to a client that does; see `hostd.dialects.base.StreamTranslator`.

    An event that tells of failure is not given out, and nothing after it: an error in any shape, a line that is no JSON, so that a
    part of the answer is lost, or a finish by which the engine says that it has given up. Heartbeats are not given out either: not
    all clients skip them. The answer has *choices*, each of which says why it is over; what says [DONE] before that is no whole
    answer, though one server is known that ends its answers so (vllm-mlx, its issue 628): they look like those that were cut.
    """

    __slots__ = (
        "_choices",
        "_ends",
        "_framer",
        "_held",
        "_held_bytes",
        "_marks",
        "_rewriter",
        "_tail",
        "begun",
        "done",
        "engine_error",
        "events",
        "failure",
        "prompt",
    )

    def __init__(self, name: str, *, choices: int = 1, passes_progress: bool = False) -> None:
        self.prompt = PromptReader(passes=passes_progress)
        self.begun = False
        self.done = False
        self.failure = ""
        self.engine_error: HostdError | None = None
        self.events = 0
        self._choices = choices
        self._ends = ChoiceEnds()
        self._framer = SseFramer()
        self._rewriter = ModelNameRewriter(name)
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._marks: tuple[bytes, bytes] | None = None
        self._tail: deque[bytes] = deque(maxlen=_TAIL_CHUNKS)

    def feed(self, data: bytes) -> bytes:
        """Return the whole events that *data* completes; empty until the answer has begun. What follows its end is dropped."""
        events = self._framer.feed(data)
        if self._framer.overflowed:
            self._fail(f"the engine sent an event of more than {MAX_EVENT >> 20} MiB")
        if not events or self.failure or self.done:
            return b""
        events = self.prompt.filter(events, begun=self.begun)
        return self._passed(events) if events else b""

    @property
    def signs(self) -> int:
        """How often the stream has shown that the engine works."""
        return self.events + self.prompt.signs

    def take_aside(self) -> bytes:
        """Return reports for a client that asked for them, which are no part of the answer."""
        if not self.prompt.passed:
            return b""
        events, self.prompt.passed = self.prompt.passed, b""
        return self._rewriter.apply(events)

    def end(self) -> bytes | None:
        """Return the formal end where only that is missing: each choice has said why it is over."""
        return DONE if not self.failure and self._ends.complete() else None

    @property
    def complete(self) -> bool:
        """Whether nothing but the formal end, and sums, can follow."""
        return not self.failure and self._ends.complete(self._choices)

    @property
    def settled(self) -> bool:
        """Whether the answer is *complete*, and the engine's word for that can be trusted even if its connection breaks."""
        return self.complete and not self._ends.revoked

    @property
    def tokens(self) -> int:
        """The tokens of the answer: as the engine counts them where it has said so, else one for each event."""
        last = self._last
        start = last.rfind(b'"completion_tokens"')
        found = _TOKENS.match(last, start) if start >= 0 else None
        if found is None and (start := last.rfind(b'"timings"')) >= 0:
            found = _PREDICTED.search(last, start)
        return int(found[1]) if found else self.events

    @property
    def prompt_tokens(self) -> int:
        """The tokens of the prompt as the engine has counted them, or 0."""
        return _prompt_tokens(self._last)

    @property
    def _last(self) -> bytes:
        return b"".join(self._tail)[-_TAIL:]

    def _passed(self, events: bytes) -> bytes:
        """Return of whole *events* what the client is sent now."""
        plain = self._marks is not None and self._count_plain(events)
        if plain:
            self.events += plain
        else:
            events = self._read(events)
        if not events:
            return b""
        self._tail.append(events[-_TAIL:])
        events = self._rewriter.apply(events)
        if self.begun and not self._held:
            return events
        self._held.append(events)
        self._held_bytes += len(events)
        if not self.begun:
            if self._held_bytes > _MAX_HELD:
                self._fail("the engine sent a great deal and no answer")
            return b""
        events = b"".join(self._held)
        self._held.clear()
        return events

    def _count_plain(self, events: bytes) -> int:
        """Return how many chunks *events* are if they are nothing but chunks that go on with one choice, else 0.

        Counting what the engine writes into each of them takes a fraction of decoding them; within strings, quotes are escaped.
        """
        unfinished, choices = self._marks or (b"", b"")
        count = events.count(b"}\n\n")
        return (
            count
            if events.count(b"\n") == 2 * count
            and events.startswith(b"data:")
            and events.count(b"\ndata:") == count - 1
            and events.count(unfinished) == count
            and events.count(choices) == count
            and b'"error"' not in events
            else 0
        )

    def _read(self, events: bytes) -> bytes:
        """Return *events* up to the answer's end, or to what is no part of an answer, without heartbeats."""
        if b"data" not in events and b"event" not in events:
            return events
        kept: list[bytes] = []
        last, found = b"", read_event(b"")
        for event in split_events(events):
            # Heartbeats are alike, and a server that is stuck may send thousands at once.
            if event != last:
                last, found = event, read_event(event)
            if found.kind is EventKind.CHUNK:
                self._note(found.chunk)
            elif found.kind is EventKind.DONE:
                self._formally_end()
            elif found.kind is EventKind.ERROR:
                self.engine_error = errors.of_stream(found.error)
                self._fail(f"the engine reported an error: {self.engine_error.message}")
            elif found.kind is EventKind.BROKEN:
                self._fail("the engine sent an event that is no JSON")
            if self.failure:
                break
            if found.kind is not EventKind.HEARTBEAT:
                kept.append(event)
            if self.done:
                break
        self._set_marks(events)
        return b"".join(kept)

    def _note(self, chunk: Json) -> None:
        choices = chunk["choices"]
        # What has neither choices nor sums shows nothing of an answer, however often it comes.
        self.events += bool(choices or chunk.get("usage"))
        for choice in choices:
            self._ends.note(choice)
            if choice.get("finish_reason") in GIVEN_UP:
                self._fail("the engine gave the answer up before its end")
            elif has_text(choice) or choice.get("finish_reason"):
                self.begun = True
        if self._ends.too_many:
            self._fail("the engine sent more choices than it was asked for")

    def _formally_end(self) -> None:
        if self._ends.complete():
            self.done = True
        elif self.begun:
            self._fail("the engine ended its answer in the middle")
        else:
            self._fail("the engine ended its answer before it had begun")

    def _set_marks(self, events: bytes) -> None:
        """Find out how the engine writes a chunk that goes on, so that the next ones can be told by that."""
        self._marks = None
        if self.begun and self._choices == 1 and not self._ends.begun and not self._ends.several:
            self._marks = next((marks for marks in _MARKS if all(mark in events for mark in marks)), None)

    def _fail(self, why: str) -> None:
        self.failure = self.failure or why


def tokens_of(payload: bytes) -> int:
    """Return the tokens that a whole answer says it has, or 0."""
    start = payload.rfind(b'"completion_tokens"', max(0, len(payload) - _TAIL))
    found = _TOKENS.match(payload, start) if start >= 0 else None
    return int(found[1]) if found else 0


def prompt_tokens_of(payload: bytes) -> int:
    """Return the tokens that a whole answer says its prompt had, or 0: the sums stand before vectors, and after text."""
    return _prompt_tokens(payload[-_TAIL:]) or _prompt_tokens(payload[:512])


def _prompt_tokens(data: bytes) -> int:
    """Return the tokens of the prompt in *data*; llama.cpp gives them in parts where no usage was asked for."""
    start = data.rfind(b'"prompt_tokens"')
    if start >= 0 and (found := _PROMPT_TOKENS.match(data, start)):
        return int(found[1])
    start = data.rfind(b'"timings"')
    return sum(map(int, _PROMPT_PARTS.findall(data, start))) if start >= 0 else 0
