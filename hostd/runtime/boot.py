"""What is done between the open port and the first load, step by step, so that clients can be told what they wait for.

The daemon listens before any of it: it answers what needs no engine at once, and requests for models wait in their queues.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BootStep:
    """One step: what it does as a noun phrase, and how far it is (done, of how many) where it can tell."""

    name: str
    run: Callable[[], Awaitable[None]]
    progress: Callable[[], tuple[int, int]] | None = None


class Boot:
    """Takes *steps* one after another."""

    def __init__(self, steps: Sequence[BootStep]) -> None:
        self._steps = tuple(steps)
        self._next = 0

    def __repr__(self) -> str:
        return f"<Boot {self.under_way or 'done'}>"

    @property
    def under_way(self) -> str | None:
        """The step that is being taken, with its progress; None once all of them are done."""
        if self._next == len(self._steps):
            return None
        step = self._steps[self._next]
        if step.progress is None:
            return step.name
        done, total = step.progress()
        return f"{step.name} ({done} of {total})"

    async def run(self) -> None:
        """Take every step. What a step raises ends the boot: without it, nothing could be served."""
        for step in self._steps[self._next :]:
            await step.run()
            self._next += 1
