"""What all streams have in common on their way to a client: whole events, held back until an answer begins."""

from abc import ABC, abstractmethod

from hostd.dialects.framing import MAX_EVENT, SseFramer, split_events
from hostd.dialects.openai.prompt_progress import PromptReader
from hostd.domain.errors import HostdError

_MAX_HELD = 1024 * 1024
"""Bytes of a stream that are held back at most until its answer begins: roles, reports, comments."""


class EventStream(ABC):
    """One stream; see `hostd.dialects.base.StreamTranslator`. A subclass says what events mean, and what ends an answer.

    *prompt* reads what is reported about the prompt.
    """

    __slots__ = (
        "_framer",
        "_held",
        "_held_bytes",
        "begun",
        "done",
        "engine_error",
        "events",
        "failure",
        "prompt",
    )

    def __init__(self, prompt: PromptReader | None = None) -> None:
        self.prompt = prompt or PromptReader()
        self.begun = False
        self.done = False
        self.failure = ""
        self.engine_error: HostdError | None = None
        self.events = 0
        self._framer = SseFramer()
        # None as soon as nothing is held back any more.
        self._held: list[bytes] | None = []
        self._held_bytes = 0

    def feed(self, data: bytes) -> bytes:
        """Return the whole events that *data* completes; empty until the answer has begun. What follows its end is dropped."""
        events = self._framer.feed(data)
        if self._framer.overflowed:
            self._fail(f"the engine sent an event of more than {MAX_EVENT >> 20} MiB")
        if not events or self.failure or self.done:
            return b""
        events = self._passed(events)
        if self._held is None:
            return events
        if events:
            self._held.append(events)
        if not self.begun:
            self._count_held(len(events))
            return b""
        events = b"".join(self._held)
        self._held = None
        return events

    def take_aside(self) -> bytes:
        """Return nothing: clients of other dialects than the upstream's ask for no reports of its own."""
        return b""

    @property
    def signs(self) -> int:
        """How often the stream has shown that the engine works."""
        return self.events + self.prompt.signs

    @abstractmethod
    def end(self) -> bytes | None:
        """Return what a stream still lacks that has ended without being *done*; None where the answer is not complete."""

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

    def _passed(self, events: bytes) -> bytes:
        """Return what the client is sent for whole *events*, read one by one unless a subclass knows better."""
        passed = []
        for event in split_events(events):
            passed.append(self._event(event))
            if self.failure or self.done:
                break
        return b"".join(passed)

    def _event(self, event: bytes) -> bytes:
        """Return what the client is sent for one whole *event*."""
        raise NotImplementedError

    def _count_held(self, size: int) -> None:
        """Note that *size* more bytes have come before the answer."""
        self._held_bytes += size
        if self._held_bytes > _MAX_HELD:
            self._fail("the engine sent a great deal and no answer")

    def _fail(self, why: str) -> None:
        self.failure = self.failure or why
