"""Server-sent events, as far as relaying them safely needs: whole events only, and knowing what an answer's end looks like.

Bytes go through untouched. The one thing that is held back is an event that has not arrived whole, so that an error event can
follow at any moment without being glued to half of another.
"""

import json
import re
from typing import Any

_MODEL = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')


class ModelNameRewriter:
    """Puts *name* where an engine puts its own, which may be a path, a tag, or another server's word.

    Engines write it in the same way in each event, so it is looked for once; inside a string, its quotes would be escaped.
    """

    def __init__(self, name: str) -> None:
        self._name = json.dumps(name).encode()
        self._ours = b'"model":' + self._name
        self._theirs: bytes | None = None
        self._differs = True

    def apply(self, data: bytes) -> bytes:
        """Return *data*, whole events or a whole document, with the name that clients know."""
        if not self._differs:
            return data
        if self._theirs is None:
            found = _MODEL.search(data)
            if found is None:
                return data
            self._theirs = found[0]
            self._differs = found[1] != self._name
            if not self._differs:
                return data
        return data.replace(self._theirs, self._ours)


DONE = b"data: [DONE]\n\n"

_ENDING = re.compile(rb"(?:^|\n)data: ?(?:(\[DONE\])|(\{\s*\"error\"))")
_ABANDONED = re.compile(rb'"finish_reason"\s*:\s*"(?:abort|error)"')
_BOUNDARY = re.compile(rb"\r?\n\r?\n")
_FINISHED = re.compile(rb'"finish_reason"\s*:\s*"')
_TOKENS = re.compile(rb'"completion_tokens"\s*:\s*(\d+)')
_MADE = re.compile(rb'"predicted_n"\s*:\s*(\d+)')
_PROMPT = re.compile(rb'"prompt_tokens"\s*:\s*(\d+)')
_READ = re.compile(rb'"(?:prompt_n|cache_n)"\s*:\s*(\d+)')
_REMEMBERED = 2048
"""Bytes of the events that were given out: enough for those that end an answer, the sums included."""

_SPOKEN = ("content", "reasoning_content", "reasoning", "tool_calls", "function_call", "refusal", "audio")


class SseFramer:
    """Takes in an answer's bytes as they come and gives out whole events.

    *done* says that the answer has come to its proper end. *trouble* says why it never will: the engine sent an error event, or
    one that is no JSON, so that a part of the answer is lost, or it says itself that it has given up. Such an event is not given
    out, and nothing after it.
    """

    def __init__(self) -> None:
        self.done = False
        self.error = ""
        self.events = 0
        self._rest = b""
        self._last = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return the whole events that *chunk* completes; may be empty. What follows the answer's end is dropped."""
        if self._rest:
            chunk = self._rest + chunk
            self._rest = b""
        if not chunk.endswith(b"\n\n"):
            cut = max(chunk.rfind(b"\n\n") + 2, chunk.rfind(b"\n\r\n") + 3, 0)
            if cut < 2 or (cut == 2 and not chunk.startswith(b"\n\n")):
                cut = 0
            chunk, self._rest = chunk[:cut], chunk[cut:]
        if not chunk:
            return chunk
        data = _lines_of_data(chunk)
        if chunk.count(b"}\n") + chunk.count(b"[DONE]\n") < data:
            # Every line of data ends an object or says [DONE]; only where the counts differ is it worth a closer look.
            sound = _sound_part(chunk)
            if len(sound) < len(chunk):
                self.error = "the engine sent an event that is no JSON"
            chunk, data = sound, _lines_of_data(sound)
        self.events += data
        self._last = self._last[-_REMEMBERED:] + chunk
        if given_up := _given_up(chunk):
            self.error = "the engine gave the answer up before its end"
            return chunk[: chunk.rfind(b"\ndata:", 0, given_up.start()) + 1]
        if (b"[DONE]" in chunk or b'"error"' in chunk) and (ending := _ENDING.search(chunk)):
            return self._end(chunk, ending)
        return chunk

    def _end(self, chunk: bytes, ending: re.Match[bytes]) -> bytes:
        start = ending.start() + chunk.startswith(b"\n", ending.start())
        if ending[1] is None:
            self.error = f"the engine reported an error: {error_of(chunk[start:])}"
            return chunk[:start]
        self.done = True
        boundary = _BOUNDARY.search(chunk, ending.end())
        return chunk[: boundary.end()] if boundary else chunk

    @property
    def finished(self) -> bool:
        """Whether the last events say why the answer is over, so that only its formal end is missing."""
        return _FINISHED.search(self._last) is not None

    @property
    def tokens(self) -> int:
        """The tokens of the answer: as the engine counts them where it has said so, else one for each event."""
        start = self._last.rfind(b'"completion_tokens"')
        found = _TOKENS.match(self._last, start) if start >= 0 else None
        if found is None and (start := self._last.rfind(b'"timings"')) >= 0:
            found = _MADE.search(self._last, start)
        return int(found[1]) if found else self.events

    @property
    def prompt_tokens(self) -> int:
        """The tokens of the prompt as the engine has counted them, or 0."""
        return _prompt_in(self._last)


def is_abandoned(payload: bytes) -> bool:
    """Return whether an answer in one piece says that it is not whole: an engine that is being stopped may say so with 200."""
    return _given_up(payload) is not None


def _given_up(data: bytes) -> re.Match[bytes] | None:
    return _ABANDONED.search(data) if b'"abort"' in data or b'"error"' in data else None


def _lines_of_data(events: bytes) -> int:
    # Within JSON a line break is escaped, so that text of the answer is never counted.
    return events.count(b"\ndata:") + events.startswith(b"data:")


def _sound_part(events: bytes) -> bytes:
    """Return *events* up to the first line of data that is neither an object nor [DONE].

    Nor null, which llama-server says of each of several prompts that it has read.
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
    found = _TOKENS.search(payload, max(0, len(payload) - 2048))
    return int(found[1]) if found else 0


def prompt_tokens_of(payload: bytes) -> int:
    """Return the tokens that a whole answer says its prompt had, or 0; vectors come after the sums, text before them."""
    return _prompt_in(payload[-2048:]) or _prompt_in(payload[:512])


def _prompt_in(data: bytes) -> int:
    """Return the tokens of the prompt that *data* tells of; llama.cpp tells them in parts where nobody asked for sums."""
    start = data.rfind(b'"prompt_tokens"')
    if start >= 0 and (found := _PROMPT.match(data, start)):
        return int(found[1])
    start = data.rfind(b'"timings"')
    return sum(map(int, _READ.findall(data, start))) if start >= 0 else 0


def has_content(events: bytes) -> bool:
    """Return whether *events* hold anything of the answer itself: text, thought, a tool call, or its end."""
    for line in events.splitlines():
        if not line.startswith(b"data:"):
            continue
        data = line[5:].strip()
        if data == b"[DONE]":
            return True
        try:
            if any(speaks(option) for option in json.loads(data)["choices"]):
                return True
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return False


def speaks(option: dict[str, Any]) -> bool:
    """Return whether what a chunk says of a *option* is something of the answer itself: text, thought, a tool call, or its end."""
    delta = option.get("delta") or {}
    return bool(option.get("finish_reason") or option.get("text") or any(delta.get(part) for part in _SPOKEN))


def error_of(events: bytes) -> str:
    """Return the message of the error event among *events*."""
    for line in events.splitlines():
        if line.startswith(b"data:") and b'"error"' in line:
            try:
                return str(json.loads(line[5:])["error"]["message"])
            except (ValueError, KeyError, TypeError):
                return line[5:300].decode("utf-8", "replace").strip()
    return "an error"
