"""What a stream reports about its prompt before the answer begins: llama-server's ``prompt_progress``, mlx-lm's comments.

llama-server sends such events where the request has ``return_progress``. hostd adds that to requests whose client did not, so the
events are kept from those clients. They are not part of the answer: another upstream may still give it.
"""

import re
from typing import Any

from hostd.dialects.json_text import JsonError, parse_json
from hostd.dialects.openai.events import has_text, is_sound
from hostd.domain.progress import PromptProgress

REQUESTED = "return_progress"
"""The member of a request that asks for these events."""

KEY = b'"prompt_progress"'
"""What each such event holds."""
# mlx-lm's ``: keepalive 512/2048``. Comments without counts come from servers that are stuck, too.
_COMMENT = re.compile(rb"^:[^\n]*?\b(\d{1,9})/(\d{1,9})\b", re.MULTILINE)


class PromptReader:
    """Reads the progress events of one stream.

    *latest* is what was reported last. *signs* counts the reports that differ from the one before, and so events of any other
    kind: servers have names of their own for what they tell before the answer. *passed* holds the events for a client that asked
    for them, until they are taken.
    """

    __slots__ = ("_passes", "_seen", "latest", "passed", "signs")

    def __init__(self, *, passes: bool = False) -> None:
        self.latest: PromptProgress | None = None
        self.signs = 0
        self.passed = b""
        self._passes = passes
        self._seen = 0

    def takes(self, event: bytes, *, begun: bool) -> bool:
        """Note *event* if it reports progress; return whether it is to be kept from the events of the answer.

        Once the answer has *begun*, a client that asked for reports gets them among those.
        """
        if event.find(KEY) < 0 or not self._is_report(event):
            return False
        if self._passes and not begun:
            self.passed += event
        return not (self._passes and begun)

    def look(self, events: bytes) -> None:
        """Note what *events* before the answer show, whatever their kind; a heartbeat is the same each time."""
        has_comment = events.startswith(b":") or b"\n:" in events
        if has_comment and (found := _COMMENT.search(events)):
            self.note(PromptProgress(int(found[1]), int(found[2])))
        start = events.rfind(b"data:")
        if start < 0 or events.find(b"{", start) < 0 or events.find(KEY, start) >= 0:
            return
        # The event may have a megabyte, so that it is not kept.
        seen = hash(events[start:].strip())
        if seen != self._seen:
            self._seen = seen
            self.signs += 1

    def read(self, chunk: dict[str, Any]) -> bool:
        """Return whether *chunk* reports progress, and if so, note it."""
        said = chunk.get("prompt_progress")
        if not isinstance(said, dict) or any(has_text(choice) for choice in _choices(chunk)):
            return False
        read, total = said.get("processed"), said.get("total")
        if isinstance(read, int) and isinstance(total, int) and 0 <= read <= total:
            self.note(PromptProgress(read, total))
        return True

    def note(self, progress: PromptProgress) -> None:
        """Note a report."""
        if progress != self.latest:
            self.latest = progress
            self.signs += 1

    def _is_report(self, event: bytes) -> bool:
        data = event.partition(b"data:")[2]
        try:
            chunk = parse_json(data.strip())
        except JsonError:
            return False
        return isinstance(chunk, dict) and self.read(chunk)


def _choices(chunk: dict[str, Any]) -> list[dict[str, Any]]:
    choices = chunk.get("choices")
    return [choice for choice in choices if is_sound(choice)] if isinstance(choices, list) else []
