"""Progress of requests in an engine, as servers report it: tokens of prompts read, and tokens generated."""

from dataclasses import dataclass
from typing import NamedTuple


class PromptProgress(NamedTuple):
    """How much of a prompt has been read, in tokens; *total* includes what was found in the prompt cache.

    A tuple, since one is made for each request.
    """

    read: int
    total: int

    @property
    def complete(self) -> bool:
        """Whether nothing of the prompt is left to read."""
        return self.read >= self.total

    def __str__(self) -> str:
        return f"{self.read} of {self.total} tokens ({100 * self.read // max(1, self.total)} %)"


@dataclass(frozen=True, slots=True)
class SlotProgress:
    """Tokens of one busy slot: *decoded* so far, *read* of its prompt, and *reading*, those that it computes just now.

    *read* and *reading* are None where the server reports nothing about prompts.
    """

    decoded: int
    read: int | None = None
    reading: int | None = None


@dataclass(frozen=True, slots=True)
class EngineProgress:
    """What a server reports about all its requests: the busy *slots*, how many requests are *waiting* for one, and *steps*.

    *steps* counts whatever the server counts that no slot shows. Two reports that differ have tokens between them.
    """

    slots: tuple[SlotProgress, ...] = ()
    waiting: int = 0
    steps: float = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether the server has nothing to do."""
        return not self.slots and not self.waiting
