"""What one event of a streamed answer is: a chunk of it, its formal end, an error in one of many shapes, or nothing of it at all.

Errors that servers put into a stream with status 200, as seen: ``{"error": {...}}``, ``{"error": "text"}`` (llama.cpp, Ollama),
``{"object": "error", ...}`` (vLLM, SGLang), ``event: error``, ``{"detail": ...}`` (FastAPI), an ``error`` in a choice (OpenRouter).
"""

import re
from enum import Enum, auto
from typing import Any, NamedTuple

from hostd.dialects.json_text import JsonError, parse_json

Json = dict[str, Any]

MOST_CHOICES = 4096
"""Choices of one answer: as many as prompts of a batch, several for each."""

GIVEN_UP = ("abort", "error")
"""Finish reasons by which an engine says that it has given an answer up."""

# Servers and proxies keep connections alive with `data:` and nothing, a comment (`: PROCESSING`), or a word (`ping`, `[PING]`).
_HEARTBEAT = re.compile(rb":.*|\[?[A-Za-z][A-Za-z_-]{0,31}[.!]*\]?", re.DOTALL)
_NOT_CONTENT = frozenset({"role", "name", "id"})
_SUMS = ("usage", "timings")


class EventKind(Enum):
    """What an event is to the answer."""

    COMMENT = auto()
    HEARTBEAT = auto()
    CHUNK = auto()
    DONE = auto()
    ERROR = auto()
    BROKEN = auto()


class StreamEvent(NamedTuple):
    """One event. *chunk* is what a chunk holds, with choices of the right shape; *error* what an error says."""

    kind: EventKind
    chunk: Json = {}  # noqa: RUF012 - never changed
    error: object = None


# To look for a member of an enumeration takes as long as a call.
CHUNK, FORMAL_END = EventKind.CHUNK, EventKind.DONE
COMMENT = StreamEvent(EventKind.COMMENT)
_A_HEARTBEAT = StreamEvent(EventKind.HEARTBEAT)
_BROKEN = StreamEvent(EventKind.BROKEN)
_DONE = StreamEvent(FORMAL_END)


def read_event(event: bytes) -> StreamEvent:
    """Return what *event* is. Whatever it holds, reading it does not fail."""
    is_one_line = event.startswith(b"data:") and event.find(b"\n") == len(event) - 2 and event.find(b"\r") < 0
    name, data = (b"", event[5:].strip()) if is_one_line else _fields(event)
    if data is None:
        return COMMENT
    if data == b"[DONE]":
        return _DONE
    try:
        chunk = parse_json(data)
    except JsonError:
        if name == b"error":
            return StreamEvent(EventKind.ERROR, error=data[:500].decode("utf-8", "replace"))
        return _A_HEARTBEAT if not data or _HEARTBEAT.fullmatch(data) else _BROKEN
    if name == b"error":
        return StreamEvent(EventKind.ERROR, error=error_in(chunk) or chunk)
    if not isinstance(chunk, dict):
        # Numbers, texts and null, which llama-server sends for each of several prompts that it has read, are part of no answer.
        return _BROKEN if isinstance(chunk, list) and chunk else _A_HEARTBEAT
    said = error_in(chunk)
    if said is not None:
        return StreamEvent(EventKind.ERROR, error=said)
    if chunk.get("choices") is None:
        return StreamEvent(CHUNK, {**chunk, "choices": []}) if any(map(chunk.get, _SUMS)) else _A_HEARTBEAT
    return StreamEvent(CHUNK, chunk) if _are_sound(chunk["choices"]) else _BROKEN


def _fields(event: bytes) -> tuple[bytes, bytes | None]:
    """Return the name of an event and its data, which may come in several lines; None where it has none."""
    if b"\r" in event:
        event = event.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    name, lines = b"", []
    for line in event.strip(b"\n").split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            lines.append(value)
        elif field == b"event":
            name = value.strip().lower()
    return name, b"\n".join(lines).strip() if lines else None


def error_in(document: object) -> object:
    """Return the error that *document*, a chunk or a whole answer, is or holds; None where it is none."""
    if not isinstance(document, dict):
        return None
    if said := document.get("error"):
        return said
    choices = document.get("choices")
    if choices is None:
        is_error = "error" in (document.get("object"), document.get("type")) or bool(document.get("detail"))
        return document if is_error or ("message" in document and "code" in document) else None
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and (said := choice.get("error")):
            return said
    return None


def index_of(choice: Json) -> int:
    """Return the number of a chunk's *choice*; servers that give one choice leave it out."""
    return choice.get("index") or 0


def is_sound(choice: object) -> bool:
    """Return whether *choice* is one of a chunk that can be put together with others."""
    if not isinstance(choice, dict):
        return False
    get = choice.get
    index = get("index")
    return (
        (index is None or (isinstance(index, int) and not isinstance(index, bool) and 0 <= index < 2**31))
        and isinstance(get("delta") or {}, dict)
        and isinstance(get("text") or "", str)
        and isinstance(get("finish_reason") or "", str)
    )


def _are_sound(choices: object) -> bool:
    return isinstance(choices, list) and all(map(is_sound, choices))


def has_text(choice: Json) -> bool:
    """Return whether a chunk's *choice* holds a part of the answer: text, thought, a tool call, whatever a server calls it."""
    delta = choice.get("delta") or {}
    if choice.get("text") or delta.get("content"):
        return True
    return any(value and name not in _NOT_CONTENT for name, value in delta.items())


class ChoiceEnds:
    """Which choices of an answer have been seen, and which have said why they are over.

    A choice that goes on after it has said so is not over; *revoked* says that one did: some servers give a reason in each chunk.
    """

    __slots__ = ("_finished", "_gives_reasons", "_seen", "revoked")

    def __init__(self) -> None:
        self._gives_reasons = False
        self._seen: set[int] = set()
        self._finished: set[int] = set()
        self.revoked = False

    def note(self, choice: Json) -> None:
        """Note what a chunk says of a *choice*."""
        index = choice.get("index") or 0
        self._seen.add(index)
        if index in self._finished and has_text(choice):
            self.revoked = True
            self._finished.discard(index)
        if "finish_reason" in choice:
            self._gives_reasons = True
            if choice["finish_reason"]:
                self._finished.add(index)

    @property
    def begun(self) -> bool:
        """Whether any choice is over."""
        return bool(self._finished)

    @property
    def too_many(self) -> bool:
        """Whether there are more choices than any request asks for."""
        return len(self._seen) > MOST_CHOICES

    @property
    def count(self) -> int:
        """How many choices there are."""
        return len(self._seen)

    def complete(self, expected: int = 1) -> bool:
        """Return whether all choices are over, of which at least *expected* must have been seen."""
        return len(self._finished) >= expected and len(self._finished) == len(self._seen)

    def over_by_done(self) -> bool:
        """Return whether all choices are over now that the stream says [DONE].

        A few servers never write the member that says why: theirs are over by that word. Where it is null to the end, the answer
        was cut.
        """
        return self.complete() or bool(self._seen and not self._gives_reasons)

    @property
    def several(self) -> bool:
        """Whether there is more than one choice."""
        return len(self._seen) > 1
