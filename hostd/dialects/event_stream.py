"""What all streams have in common that are translated event by event: whole events, held back until an answer begins."""

from abc import ABC, abstractmethod

from hostd.dialects.framing import MAX_EVENT, SseFramer, split_events
from hostd.dialects.openai.prompt_progress import PromptReader
from hostd.domain.errors import HostdError

_MAX_HELD = 1024 * 1024
"""Bytes of events that are held back at most until an answer begins."""


class EventStream(ABC):
    """One stream; see `hostd.dialects.base.StreamTranslator`. A subclass says what one event means, and what ends an answer."""

    def __init__(self) -> None:
        self.prompt = PromptReader()
        self.begun = False
        self.done = False
        self.failure = ""
        self.engine_error: HostdError | None = None
        self.events = 0
        self._framer = SseFramer()
        self._held: list[bytes] = []
        self._held_bytes = 0

    def feed(self, data: bytes) -> bytes:
        """Return the events that *data* completes; empty until the answer has begun. What follows its end is dropped."""
        events = self._framer.feed(data)
        if self._framer.overflowed:
            self._fail(f"the engine sent an event of more than {MAX_EVENT >> 20} MiB")
        if not events or self.failure or self.done:
            return b""
        passed = []
        for event in split_events(self._filtered(events)):
            passed.append(self._event(event))
            if self.failure or self.done:
                break
        return self._released(b"".join(passed))

    def take_aside(self) -> bytes:
        """Return nothing: clients of other dialects than the upstream's ask for no reports of its own."""
        return b""

    @property
    def signs(self) -> int:
        """How often the stream has shown that the engine works."""
        return self.events + self.prompt.signs

    @abstractmethod
    def error_event(self, error: HostdError) -> bytes:
        """Return *error* as the last event of a stream that will not be whole."""

    @property
    @abstractmethod
    def complete(self) -> bool:
        """Whether nothing but the formal end, and sums, can follow."""

    @property
    def settled(self) -> bool:
        """Whether the answer is *complete*, even if its connection breaks."""
        return self.complete

    @abstractmethod
    def _event(self, event: bytes) -> bytes:
        """Return what the client is sent for one whole *event*."""

    def _filtered(self, events: bytes) -> bytes:
        return events

    def _released(self, events: bytes) -> bytes:
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

    def _fail(self, why: str) -> None:
        self.failure = self.failure or why
