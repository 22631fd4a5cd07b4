"""Streamed answers in the OpenAI dialect: whether one has begun, is done, or has broken, without decoding most of its chunks.

Bytes are passed on as they are, but for the name of the model and heartbeats.
"""

import json
import re
from collections import deque
from collections.abc import Callable
from functools import lru_cache

from hostd.dialects.event_stream import EventStream
from hostd.dialects.framing import split_events
from hostd.dialects.openai import errors
from hostd.dialects.openai.events import (
    CHUNK,
    COMMENT,
    FORMAL_END,
    GIVEN_UP,
    ChoiceEnds,
    EventKind,
    Json,
    StreamEvent,
    has_text,
    read_event,
)
from hostd.dialects.openai.plain_chunks import ChunkMarks, marks_of
from hostd.dialects.openai.prompt_progress import PromptReader
from hostd.dialects.openai.whole import too_few
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


@lru_cache(maxsize=256)
def _encoded(name: str) -> tuple[bytes, bytes]:
    """Return *name* as JSON, and as a member of an object."""
    encoded = json.dumps(name).encode()
    return encoded, b'"model":' + encoded


class ModelNameRewriter:
    """Puts *name* where an engine puts its own, which may be a path, a tag, or another server's word.

    An engine writes it in the same way in each event, so it is looked for once; inside a string, its quotes would be escaped.
    """

    __slots__ = ("_differs", "_name", "_ours", "_theirs")

    def __init__(self, name: str) -> None:
        self._name, self._ours = _encoded(name)
        self._theirs: bytes | None = None
        self._differs = True

    def apply(self, data: bytes) -> bytes:
        """Return *data*, whole events or a whole document, with the name that clients know."""
        if not self._differs:
            return data
        if self._theirs is None:
            start = data.find(b'"model"')
            if start >= 0 and data.startswith(self._ours, start):
                self._differs = False
                return data
            found = _MODEL.search(data, start) if start >= 0 else None
            if found is None:
                return data
            self._theirs = found[0]
            self._differs = found[1] != self._name
            if not self._differs:
                return data
        return data.replace(self._theirs, self._ours)


class OpenAiStream(EventStream):
    """One stream from an engine that speaks OpenAI to a client that does; see `hostd.dialects.base.StreamTranslator`.

    An event that tells of failure is not given out, and nothing after it: an error in any shape, a line that is no JSON, so that a
    part of the answer is lost, or a finish by which the engine says that it has given up. Heartbeats are not given out either: not
    all clients skip them. The answer has *choices*, each of which says why it is over; what says [DONE] before that is no whole
    answer, though one server is known that ends its answers so (vllm-mlx, its issue 628): they look like those that were cut.
    Where the client has asked for sums and the engine sends none, they are made: of its chunks, and of *prompt_estimate*, which
    returns about how many tokens the prompt has.
    """

    __slots__ = (
        "_choices",
        "_ends",
        "_marks",
        "_name",
        "_passes_sums",
        "_rewriter",
        "_shape",
        "_sums",
        "_tail",
        "_uncounted",
    )

    def __init__(
        self,
        name: str,
        *,
        choices: int = 1,
        passes_progress: bool = False,
        passes_sums: bool = True,
        prompt_estimate: Callable[[], int] | None = None,
    ) -> None:
        super().__init__(PromptReader(passes=passes_progress))
        self._name = name
        self._shape: Json = {}
        self._uncounted = prompt_estimate
        self._choices = choices
        self._passes_sums = passes_sums
        self._sums = b""
        self._ends = ChoiceEnds()
        self._rewriter = ModelNameRewriter(name)
        self._marks: ChunkMarks | None = None
        self._tail: deque[bytes] = deque(maxlen=_TAIL_CHUNKS)

    def take_aside(self) -> bytes:
        """Return reports for a client that asked for them, which are no part of the answer."""
        if not self.prompt.passed:
            return b""
        events, self.prompt.passed = self.prompt.passed, b""
        return self._rewriter.apply(events)

    def end(self) -> bytes | None:
        """Return the formal end where only that is missing: each choice has said why it is over."""
        return self._made_sums() + DONE if self._has_all(self._ends.complete()) else None

    def error_event(self, error: HostdError) -> bytes:
        """Return *error* as the last event of the stream."""
        return errors.event(error)

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
        found = _found_last(_TOKENS, b'"completion_tokens"', last)
        if found is None and (start := _last_in(last, b'"timings"')) >= 0:
            found = _PREDICTED.search(last, start)
        return int(found[1]) if found else self.events

    @property
    def prompt_tokens(self) -> int:
        """The tokens of the prompt as the engine has counted them, or 0."""
        return _prompt_tokens(self._last)

    @property
    def _last(self) -> bytes:
        return self._sums or b"".join(self._tail)[-_TAIL:]

    def _passed(self, events: bytes) -> bytes:
        """Return of whole *events* what the client is sent."""
        passed = self._checked(events)
        if not self.begun:
            # Once it has begun, its own events show that the engine works.
            self.prompt.look(events)
        return self._rewriter.apply(passed) if passed else b""

    def _checked(self, events: bytes) -> bytes:
        """Return *events* up to the answer's end, or to what is no part of an answer, without heartbeats."""
        kept: list[bytes | memoryview] = []
        used = 0 if self._marks is not None else self._read(events, kept)
        if used < len(events) and self._marks is not None and not self.done and not self.failure:
            end, count = self._marks.run(events, used)
            self.events += count
            if count and not self._marks.alike:
                self._tail.append(events[max(used, end - _TAIL) : end])
            if end - used == len(events):
                return events
            kept.append(memoryview(events)[used:end])
            used = end
        # What follows is read to its end: to look for plain chunks again and again would take a time that grows with the square.
        if used < len(events) and not self.done and not self.failure:
            self._read(events[used:], kept, to_the_end=True)
        return b"".join(kept)

    def _read(self, events: bytes, kept: list[bytes | memoryview], *, to_the_end: bool = False) -> int:
        """Read *events*, add those that are passed on to *kept*, and return the bytes that were read.

        Unless *to_the_end*, stop as soon as it is known how the engine writes a chunk that goes on.
        """
        if events.find(b"data") < 0 and events.find(b"event") < 0:
            kept.append(events)
            return len(events)
        used, last, found, first, goes_on = 0, b"", COMMENT, len(kept), b""
        for event in split_events(events):
            used += len(event)
            if self.prompt.takes(event, begun=self.begun):
                continue
            # Heartbeats are alike, and a server that is stuck may send thousands at once.
            if event != last:
                last, found = event, read_event(event)
            kind = found.kind
            self._heed(found)
            if self.failure:
                break
            if kind is FORMAL_END:
                kept += (self._made_sums(), event)
            elif kind is CHUNK and not self._passes_sums and not found.chunk["choices"]:
                self._sums = event
            elif kind is CHUNK or kind is not EventKind.HEARTBEAT:
                kept.append(event)
            if self.done:
                break
            if self.begun and kind is CHUNK:
                goes_on = event
                if not to_the_end and self._know_marks(event):
                    # Further on by the empty lines that were no events.
                    used = events.find(event, used - len(event)) + len(event)
                    break
        else:
            used = len(events)
        if to_the_end and goes_on:
            self._know_marks(goes_on)
        self._tail += [bytes(piece[-_TAIL:]) for piece in kept[first:][-_TAIL_CHUNKS:]]
        return used

    def _heed(self, found: StreamEvent) -> None:
        """Note what an event that was *found* means for the answer."""
        kind = found.kind
        if kind is CHUNK:
            self._note(found.chunk)
        elif kind is FORMAL_END:
            self._formally_end()
        elif kind is EventKind.ERROR:
            self.engine_error = errors.of_stream(found.error)
            self._fail(f"the engine reported an error: {self.engine_error.message}")
        elif kind is EventKind.BROKEN:
            self._fail("the engine sent an event that is no JSON")

    def _note(self, chunk: Json) -> None:
        choices = chunk["choices"]
        if chunk.get("usage"):
            self._uncounted = None
        self._shape = self._shape or {name: chunk[name] for name in ("id", "object", "created") if name in chunk}
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
        if self._has_all(self._ends.over_by_done()):
            self.done = True
        elif self.begun:
            self._fail("the engine ended its answer in the middle")
        else:
            self._fail("the engine ended its answer before it had begun")

    def _has_all(self, over: bool) -> bool:
        """Return whether all choices were given that were asked for, now that those that were are *over*; say so if not."""
        if self.failure or not over:
            return False
        if (error := too_few(self._ends.count, self._choices)) is not None:
            self.engine_error = error
            self._fail(error.message)
        return error is None

    def _made_sums(self) -> bytes:
        """Return the event that tells the sums, made where they are asked for and the engine has sent none."""
        if self._uncounted is None:
            return b""
        prompt, answer = self._uncounted(), self.events
        usage = {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}
        chunk = {**self._shape, "model": self._name, "choices": [], "usage": usage}
        return b"data: " + json.dumps(chunk).encode() + b"\n\n"

    def _know_marks(self, event: bytes) -> bool:
        """Find out from *event* how the engine writes a chunk that goes on, so that the next ones can be told by that."""
        one = self._choices == 1 and not self._ends.begun and not self._ends.several
        self._marks = marks_of(event, self._marks) if one else None
        return self._marks is not None


def tokens_of(payload: bytes) -> int:
    """Return the tokens that a whole answer says it has, or 0."""
    found = _found_last(_TOKENS, b'"completion_tokens"', payload, max(0, len(payload) - _TAIL))
    return int(found[1]) if found else 0


def prompt_tokens_of(payload: bytes) -> int:
    """Return the tokens that a whole answer says its prompt had, or 0: the sums stand before vectors, and after text."""
    return _prompt_tokens(payload[-_TAIL:]) or _prompt_tokens(payload[:512])


def _prompt_tokens(data: bytes) -> int:
    """Return the tokens of the prompt in *data*; llama.cpp gives them in parts where no usage was asked for."""
    if found := _found_last(_PROMPT_TOKENS, b'"prompt_tokens"', data):
        return int(found[1])
    start = _last_in(data, b'"timings"')
    return sum(map(int, _PROMPT_PARTS.findall(data, start))) if start >= 0 else 0


def _found_last(pattern: "re.Pattern[bytes]", name: bytes, data: bytes, start: int = 0) -> re.Match[bytes] | None:
    """Return what *pattern* finds of the last member *name* in *data*, from *start* on."""
    at = _last_in(data, name, start)
    return pattern.match(data, at) if at >= 0 else None


def _last_in(data: bytes, name: bytes, start: int = 0) -> int:
    # Backwards, each byte takes five times as long, and most often there is nothing to be found, or one.
    at = data.find(name, start)
    return max(at, data.rfind(name, at + 1)) if at >= 0 else -1
