"""Streamed answers in the OpenAI dialect: whether one has begun, is done, or has broken, without decoding each chunk.

Bytes are passed on as they are, but for the name of the model.
"""

import json
import re
from collections import deque
from functools import lru_cache
from typing import Any

from hostd.dialects.framing import BOUNDARY, SseFramer, data_lines
from hostd.dialects.openai.prompt_progress import PromptReader
from hostd.dialects.request_document import decode

DONE = b"data: [DONE]\n\n"

_MODEL = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')
# One chunk and nothing else, as a stream that is paced by the engine almost always comes.
_CHUNK = re.compile(rb'data: ?\{(?!\s*"error")[^\n]*\}\n\n')
_ERROR = re.compile(rb'^data: ?\{\s*"error"', re.MULTILINE)
_GIVEN_UP = re.compile(rb'"finish_reason"\s*:\s*"(?:abort|error)"')
_FINISHED = re.compile(rb'"finish_reason"\s*:\s*"')
_TOKENS = re.compile(rb'"completion_tokens"\s*:\s*(\d+)')
_PREDICTED = re.compile(rb'"predicted_n"\s*:\s*(\d+)')
_PROMPT_TOKENS = re.compile(rb'"prompt_tokens"\s*:\s*(\d+)')
_PROMPT_PARTS = re.compile(rb'"(?:prompt_n|cache_n)"\s*:\s*(\d+)')
_TAIL = 2048
"""Bytes at the end of an answer in which it says why it is over and what it cost."""
_TAIL_CHUNKS = 16

_CONTENT = ("content", "reasoning_content", "reasoning", "tool_calls", "function_call", "refusal", "audio")


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

    An event that tells of failure is not given out, and nothing after it: the engine's own error, a line that is no JSON, so that
    a part of the answer is lost, or a finish by which the engine says that it has given up.
    """

    __slots__ = ("_framer", "_held", "_rewriter", "_tail", "begun", "done", "events", "failure", "prompt")

    def __init__(self, name: str, *, passes_progress: bool = False) -> None:
        self.prompt = PromptReader(passes=passes_progress)
        self.begun = False
        self.done = False
        self.failure = ""
        self.events = 0
        self._framer = SseFramer()
        self._rewriter = ModelNameRewriter(name)
        self._held = b""
        self._tail: deque[bytes] = deque(maxlen=_TAIL_CHUNKS)

    def feed(self, data: bytes) -> bytes:
        """Return the whole events that *data* completes; empty until the answer has begun. What follows its end is dropped."""
        events = self._framer.feed(data)
        if events:
            events = self.prompt.filter(events, begun=self.begun)
        if events:
            events = self._rewriter.apply(self._checked(events))
        if self.begun:
            return events
        self._held += events
        if not has_content(self._held):
            return b""
        self.begun = True
        events, self._held = self._held, b""
        return events

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
        """Return the formal end where only that is missing: the last events say why the answer is over."""
        return DONE if not self.failure and _FINISHED.search(self._last) else None

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

    def _checked(self, events: bytes) -> bytes:
        """Return *events* up to the answer's end, or to what is no part of an answer."""
        if _CHUNK.fullmatch(events):
            self.events += 1
            self._tail.append(events[-_TAIL:])
            given_up = _GIVEN_UP.search(events)
            if given_up is None:
                return events
            self.failure = "the engine gave the answer up before its end"
            return b""
        lines = data_lines(events)
        if not lines:
            return events
        if events.count(b"}\n") + events.count(b"[DONE]\n") < lines:
            # Every line of data ends an object or says [DONE]; only where the counts differ is it worth a closer look.
            sound = _sound_part(events)
            if len(sound) < len(events):
                self.failure = "the engine sent an event that is no JSON"
            events, lines = sound, data_lines(sound)
        self.events += lines
        self._tail.append(events[-_TAIL:])
        has_error = b'"error"' in events
        if (has_error or b'"abort"' in events) and (given_up := _GIVEN_UP.search(events)):
            self.failure = "the engine gave the answer up before its end"
            return events[: events.rfind(b"\ndata:", 0, given_up.start()) + 1]
        done_at = _done_at(events)
        error = _ERROR.search(events, 0, done_at if done_at >= 0 else len(events)) if has_error else None
        if error is not None:
            self.failure = f"the engine reported an error: {error_of(events[error.start() :])}"
            return events[: error.start()]
        if done_at >= 0:
            self.done = True
            boundary = BOUNDARY.search(events, done_at)
            return events[: boundary.end()] if boundary else events
        return events


def _done_at(events: bytes) -> int:
    """Return where the line begins that says [DONE], or -1. Found by its rare word: a search at each line's start takes longer."""
    word = events.find(b"[DONE]")
    while word >= 0:
        start = events.rfind(b"\n", 0, word) + 1
        if events[start:word] in (b"data: ", b"data:"):
            return start
        word = events.find(b"[DONE]", word + 1)
    return -1


def is_given_up(payload: bytes) -> bool:
    """Return whether a whole answer says that it is not whole: an engine that is being stopped may say so with status 200."""
    return _GIVEN_UP.search(payload) is not None


def _sound_part(events: bytes) -> bytes:
    """Return *events* up to the first line of data that is neither an object nor [DONE].

    Nor null, which llama-server sends for each of several prompts that it has read.
    """
    length = 0
    for line in events.splitlines(keepends=True):
        data = line.strip()
        if data.startswith(b"data:") and not data.endswith((b"}", b"[DONE]")) and data[5:].strip() != b"null":
            break
        length += len(line)
    return events[:length]


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


def has_content(events: bytes) -> bool:
    """Return whether *events* hold anything of the answer itself: text, thought, a tool call, or its end."""
    start = 0
    # Line by line, since the first lines tell it: many events may have come at once.
    while (end := events.find(b"\n", start)) >= 0:
        line, start = events[start:end], end + 1
        if line.startswith(b"data:") and _is_content(line[5:].strip()):
            return True
    return False


def _is_content(data: bytes) -> bool:
    if data == b"[DONE]":
        return True
    try:
        return any(is_content(choice) for choice in decode(data)["choices"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def is_content(choice: dict[str, Any]) -> bool:
    """Return whether a chunk's *choice* holds something of the answer itself: text, thought, a tool call, or its end."""
    delta = choice.get("delta") or {}
    return bool(choice.get("finish_reason") or choice.get("text") or any(delta.get(part) for part in _CONTENT))


def error_of(events: bytes) -> str:
    """Return the message of the error event among *events*."""
    for line in events.splitlines():
        if line.startswith(b"data:") and b'"error"' in line:
            try:
                return str(decode(line[5:])["error"]["message"])
            except (ValueError, KeyError, TypeError):
                return line[5:300].decode("utf-8", "replace").strip()
    return "an error"
