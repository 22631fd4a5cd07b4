"""Server-sent events, as far as relaying them safely needs: whole events only, and knowing what an answer's end looks like.

Bytes go through untouched. The one thing that is held back is an event that has not arrived whole, so that an error event can
follow at any moment without being glued to half of another.
"""

import json
import re

DONE = b"data: [DONE]\n\n"

_ENDING = re.compile(rb"(?:^|\n)data: ?(?:(\[DONE\])|(\{\s*\"error\"))")
_BOUNDARY = re.compile(rb"\r?\n\r?\n")
_FINISHED = re.compile(rb'"finish_reason"\s*:\s*"')
_TOKENS = re.compile(rb'"completion_tokens"\s*:\s*(\d+)')
_SPOKEN = ("content", "reasoning_content", "reasoning", "tool_calls", "function_call", "refusal", "audio")


class Splitter:
    """Takes in an answer's bytes as they come and gives out whole events.

    *done* and *failed* say that the answer has ended: with its proper end, or with an error event of the engine's.
    """

    def __init__(self) -> None:
        self.done = False
        self.failed = False
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
        self.events += chunk.count(b"data:")
        self._last = chunk
        if ending := _ENDING.search(chunk):
            self.done = ending[1] is not None
            self.failed = not self.done
            boundary = _BOUNDARY.search(chunk, ending.end())
            return chunk[: boundary.end()] if boundary else chunk
        return chunk

    @property
    def finished(self) -> bool:
        """Whether the last events say why the answer is over, so that only its formal end is missing."""
        return _FINISHED.search(self._last + self._rest) is not None

    @property
    def tokens(self) -> int:
        """The tokens of the answer: as the engine counts them where it has said so, else one for each event."""
        found = _TOKENS.findall(self._last)
        return int(found[-1]) if found else self.events


def tokens_of(payload: bytes) -> int:
    """Return the tokens that a whole answer says it has, or 0."""
    found = _TOKENS.search(payload, max(0, len(payload) - 2048))
    return int(found[1]) if found else 0


def has_content(events: bytes) -> bool:
    """Return whether *events* hold anything of the answer itself: text, thought, a tool call, or its end."""
    for line in events.splitlines():
        if not line.startswith(b"data:"):
            continue
        data = line[5:].strip()
        if data == b"[DONE]":
            return True
        try:
            choices = json.loads(data)["choices"]
        except (ValueError, KeyError, TypeError):
            continue
        for choice in choices:
            delta = choice.get("delta") or {}
            if choice.get("finish_reason") or choice.get("text") or any(delta.get(part) for part in _SPOKEN):
                return True
    return False


def error_of(events: bytes) -> str:
    """Return the message of the error event among *events*."""
    for line in events.splitlines():
        if line.startswith(b"data:") and b'"error"' in line:
            try:
                return str(json.loads(line[5:])["error"]["message"])
            except (ValueError, KeyError, TypeError):
                return line[5:300].decode("utf-8", "replace").strip()
    return "an error"
