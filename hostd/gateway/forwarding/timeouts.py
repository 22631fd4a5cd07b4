"""Time limits of attempts and keep-alives of streams, on one timer.

Most requests end long before anything of them is due, so they must not pay for a timer each: what is watched says when it is *due*,
and one timer is set to the earliest of these times, or a second ahead. It may go off for nothing, which costs less than setting it
anew, and shows whether the loop stood still: a timer that goes off late means that nothing could be received, either.
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Protocol, Self

from hostd.domain.profile import Limits
from hostd.domain.reason import FallbackReason
from hostd.gateway.forwarding.attempt_limits import AttemptLimits

NEVER = float("inf")
TICK = 1.0
"""Seconds after which the timer goes off at the latest while anything is watched."""
LATE = 0.25
"""Seconds by which a timer may go off late on a busy machine; more means that the loop stood still, or the whole daemon."""
_TURNS = 3
"""Turns of the loop that bytes take at most from a socket to whoever reads the answer."""


class Timed(Protocol):
    """What is looked at when it is *due*, a time of the loop's clock."""

    due: float

    def look(self, now: float) -> None:
        """Do what is due *now*, and set `due` to when to look again."""

    def excuse(self, seconds: float) -> None:
        """Note that the loop stood still for *seconds*."""


class TimeoutMonitor:
    """Looks at everything that is due, on one timer."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._timed: set[Timed] = set()
        self._timer: asyncio.TimerHandle | None = None
        # Kept beside the timer, which cannot be asked: uvloop's has no time once that has come.
        self._when = 0.0
        self._looked = 0.0

    def begin(self, timed: Timed) -> None:
        """Look at *timed* when it is due."""
        self._timed.add(timed)
        self.expect(timed.due)

    def end(self, timed: Timed) -> None:
        """Look at *timed* no more."""
        self._timed.discard(timed)

    def expect(self, due: float) -> None:
        """See that the timer goes off at *due* or before."""
        if self._timer is None:
            self._looked = self.loop.time()
            self._set(min(due, self._looked + TICK))
        elif self._when > due:
            self._timer.cancel()
            self._set(due)

    def _set(self, when: float) -> None:
        self._when = when
        self._timer = self.loop.call_at(when, self._look, when)

    def _look(self, when: float) -> None:
        now = self.loop.time()
        if now - when > LATE:
            # Part of it may have been idle time, which harms nobody.
            for timed in tuple(self._timed):
                timed.excuse(now - self._looked)
        self._looked, self._timer = now, None
        for timed in [timed for timed in self._timed if timed.due <= now]:
            timed.look(now)
        if self._timed:
            self.expect(min(timed.due for timed in self._timed))


class AttemptTimeout:
    """A scope around one attempt, which ends when one of its `AttemptLimits` passes.

    Before a limit counts as passed, the loop turns a few times, so that what has arrived is read; then the engine is asked by
    *sign* when it last showed that it works. Leaving an expired scope raises TimeoutError; `reason` says why (None: the whole time
    of the request is up), and `read_too_long` that the prompt got on, but not fast enough for its owner.
    """

    def __init__(
        self,
        timeouts: TimeoutMonitor,
        limits: Limits,
        left: float,
        sign: Callable[[], Awaitable[float | None]] | None = None,
    ) -> None:
        self.reason: FallbackReason | None = None
        self.read_too_long = False
        self._timeouts = timeouts
        self._sign = sign
        self._loop = timeouts.loop
        self._limits = AttemptLimits(limits, self._loop.time(), left)
        self.due = self._limits.due
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._expired = False
        self._asking: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        # Named, since else the running loop is looked for.
        self._task = asyncio.current_task(self._loop)
        if self._task is not None:
            self._cancelling = self._task.cancelling()
        self._timeouts.begin(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timeouts.end(self)
        if self._asking is not None:
            self._asking.cancel()
        if self._expired and self._task is not None:
            # As asyncio.timeout does: the cancellation was ours, unless another one was asked for, too.
            others = self._task.uncancel() > self._cancelling
            if kind is asyncio.CancelledError and not others:
                raise TimeoutError from error

    def progress(self, now: float, *, answer: bool = True) -> None:
        """Note that something was received at *now*, on the loop's clock: a part of the *answer*, or another sign of work."""
        self._limits.began_answer = self._limits.began_answer or answer
        self._limits.progress(now)

    def excuse(self, seconds: float) -> None:
        """Note that the loop stood still for *seconds*."""
        self._limits.excuse(seconds)
        if self.due < NEVER:
            self.due = self._limits.due

    def look(self, now: float) -> None:
        """Begin to ask whether a limit has passed; else set when to look again."""
        if self._expired:
            self.due = NEVER
        elif self._asking is not None and not self._asking.done():
            # Only the end of the whole time does not wait for the answer.
            self.due = now + self._limits.left(now)
            if self._limits.is_over(now):
                self.due = NEVER
                self._asking.cancel()
                self._asking = self._loop.create_task(self._ask())
        elif (due := self._limits.due) > now:
            self.due = due
        else:
            self.due = NEVER
            self._asking = self._loop.create_task(self._ask())

    async def _ask(self) -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        now = self._loop.time()
        self.read_too_long = self._limits.reads_too_long(now)
        settled = self.read_too_long or self._limits.is_over(now)
        if self._sign is not None and self._limits.due <= now and not settled:
            # Should the whole time end meanwhile, this is cut short.
            self._wait_until(now + max(0.0, self._limits.left(now)))
            sign = await self._sign()
            if sign is not None:
                self._limits.progress(sign)
            now = self._loop.time()
        if self._limits.is_over(now):
            self._expire(None)
        elif self._limits.due <= now:
            self._expire(self._limits.reason)
        else:
            self._wait_until(self._limits.due)

    def _wait_until(self, due: float) -> None:
        self.due = due
        self._timeouts.expect(due)

    def _expire(self, reason: FallbackReason | None) -> None:
        self.reason = reason
        self._expired = True
        self.due = NEVER
        if self._task is not None:
            self._task.cancel()
