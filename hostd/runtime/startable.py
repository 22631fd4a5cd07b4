"""What the dispatcher commands: the engine of each model, and the look at a load before it begins."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.events import Event, PreflightDone

Preflight = Callable[[str, LoadOption], Awaitable[tuple[Event, ...]]]


class Startable(Protocol):
    """What the dispatcher commands: all methods return at once, and the outcome is reported later by an event."""

    def start(self, option: LoadOption | None) -> None:
        """Launch the engine."""

    def stop(self) -> None:
        """Stop the engine."""

    def sleep(self, level: int) -> None:
        """Have the engine sleep."""

    def wake(self) -> None:
        """Have the engine wake."""

    def prove(self) -> None:
        """Have the engine generate a token."""


async def unchecked(model: str, option: LoadOption) -> tuple[Event, ...]:  # noqa: ARG001 - called as a real check is
    """Find nothing against a load, without looking."""
    return (PreflightDone(model),)
