"""Time limits of attempts and keep-alives of streams, on one timer.

Most requests end long before anything of them is due, so they must not pay for a timer each: what is watched says when it is *due*,
and one timer is set to the earliest of these times. It may go off for nothing, which costs less than setting it anew.
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Protocol, Self

from hostd.domain.profile import Limits
from hostd.domain.reason import FallbackReason

NEVER = float("inf")


class Timed(Protocol):
    """What is looked at when it is *due*, a time of the loop's clock."""

    due: float

    def look(self, now: float) -> None:
        """Do what is due *now*, and set `due` to when to look again."""


class TimeoutMonitor:
    """Looks at everything that is due, on one timer."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timed: set[Timed] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, timed: Timed) -> None:
        """Look at *timed* when it is due."""
        self._timed.add(timed)
        self.expect(timed.due)

    def end(self, timed: Timed) -> None:
        """Look at *timed* no more."""
        self._timed.discard(timed)

    def expect(self, due: float) -> None:
        """See that the timer goes off at *due* or before."""
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        self._timer = None
        now = self._loop.time()
        for timed in [timed for timed in self._timed if timed.due <= now]:
            timed.look(now)
        due = min((timed.due for timed in self._timed), default=NEVER)
        if due < NEVER:
            self.expect(due)


class AttemptTimeout:
    """A scope around one attempt.

    Before the first token, ``first_token_timeout`` counts; from then on ``stall_timeout`` since the last progress; and at all
    times the seconds that are *left* of the request's whole time. An answer that is not streamed shows no first token: its engine
    is asked (*generating*) whether it generates. Leaving an expired scope raises TimeoutError; `reason` says why (None: the whole
    time of the request is up).
    """

    def __init__(
        self,
        timeouts: TimeoutMonitor,
        limits: Limits,
        left: float,
        generating: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self.reason: FallbackReason | None = None
        self._timeouts = timeouts
        self._limits = limits
        self._generating = generating
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        self._end = now + left
        self.due = min(self._end, now + limits.first_token_timeout)
        self._progressed_at: float | None = None
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._expired = False
        self._asking: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
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

    def progress(self, now: float) -> None:
        """Note that a part of the answer was received at *now*, on the loop's clock."""
        self._progressed_at = now

    def look(self, now: float) -> None:
        """Expire if a limit has passed; else set when to look again."""
        if self._expired:
            self.due = NEVER
        elif now >= self._end:
            self._expire(None)
        elif self._progressed_at is not None:
            self._wait_until(self._progressed_at + self._limits.stall_timeout)
            if self.due <= now:
                self._expire(FallbackReason.STALL)
        elif self._generating is None:
            self._expire(FallbackReason.FIRST_TOKEN_TIMEOUT)
        else:
            self.due = self._end
            self._asking = self._loop.create_task(self._ask(self._generating))

    async def _ask(self, generating: Callable[[], Awaitable[bool]]) -> None:
        if await generating():
            self._wait_until(self._loop.time() + self._limits.stall_timeout)
            self._timeouts.expect(self.due)
        elif not self._expired:
            self._expire(FallbackReason.FIRST_TOKEN_TIMEOUT)

    def _wait_until(self, due: float) -> None:
        self.due = min(due, self._end)

    def _expire(self, reason: FallbackReason | None) -> None:
        self.reason = reason
        self._expired = True
        self.due = NEVER
        if self._task is not None:
            self._task.cancel()
