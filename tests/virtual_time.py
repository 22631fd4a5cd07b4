"""A loop on which waiting costs nothing: whenever nothing is ready, its clock jumps to the next timer.

Sockets within one process work on it, for the kernel hands their bytes over at once. Threads and other processes do not: time
would be over before they have begun. Work that is given to a thread is therefore done on the spot.
"""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits for what only a clock brings: it has the clock moved instead."""

    def __init__(self) -> None:
        super().__init__()
        self.jump: Callable[[], None] = lambda: None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready now; where nothing is and a timer is set, its time has come."""
        ready = super().select(0)
        if ready or timeout is None:
            return ready or super().select(None)
        if timeout > 0:
            self.jump()
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is a number."""

    def __init__(self) -> None:
        selector = _JumpingSelector()
        super().__init__(selector)
        self._now = 1000.0
        selector.jump = self._jump

    def time(self) -> float:
        """Return the seconds that have been waited, from a thousand on."""
        return self._now

    def pass_time(self, seconds: float) -> None:
        """Let time pass without a turn of the loop."""
        self._now += seconds

    def _jump(self) -> None:
        # Only the timer itself knows its moment to the last bit; added up from waits, the clock would fall short of it.
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]  # asyncio's own heap
        self._now = max(self._now, timers[0].when())

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Do the work at once: nothing else could happen meanwhile."""
        del executor
        future: asyncio.Future[T] = self.create_future()
        future.set_result(func(*args))
        return future


def in_virtual_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Make of an async test one that runs on a `VirtualTimeLoop`."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run
