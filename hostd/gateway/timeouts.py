"""Ends an attempt that takes too long, and says which of its limits it was."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from hostd.domain.profile import Limits
from hostd.domain.reason import FallbackReason

_NEVER = float("inf")


class TimeoutMonitor:
    """One timer for all attempts under way: most end long before their limits, and must not pay for a timer of their own."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._vigils: set[AttemptTimeout] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, timeout: "AttemptTimeout") -> None:
        """Look at *timeout* when it is due."""
        self._vigils.add(timeout)
        self.expect(timeout.due)

    def end(self, timeout: "AttemptTimeout") -> None:
        """Look at *timeout* no more. The timer is left as it is: should it ring for nothing, that is cheap."""
        self._vigils.discard(timeout)

    def expect(self, due: float) -> None:
        """See that the timer rings at *due* or before."""
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = self._loop.time()
        for timeout in [timeout for timeout in self._vigils if timeout.due <= now]:
            timeout.look(now)
        due = min((timeout.due for timeout in self._vigils), default=_NEVER)
        if due < _NEVER:
            self.expect(due)


class AttemptTimeout:
    """A scope around one attempt.

    Before the first token, ``first_token_timeout`` counts; from then on ``stall_timeout`` since the last sign of life; and at
    all times what is left of the ticket's whole time. An answer that is not streamed shows no first token: its engine is asked
    (*generating*) whether it is making one. Leaving an expired scope raises TimeoutError; `reason` says why (None: the ticket's
    whole time is up). *due* is when to look at it next.
    """

    def __init__(
        self,
        timeouts: TimeoutMonitor,
        limits: Limits,
        left: float,
        generating: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self.reason: FallbackReason | None = None
        self._watch = timeouts
        self._limits = limits
        self._generating = generating
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        self._end = now + left
        self.due = min(self._end, now + limits.first_token_timeout)
        self._seen: float | None = None
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._expired = False
        self._asking: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        if self._task is not None:
            self._cancelling = self._task.cancelling()
        self._watch.begin(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watch.end(self)
        if self._asking is not None:
            self._asking.cancel()
        if self._expired and self._task is not None:
            # As asyncio.timeout does: the cancellation was ours, unless somebody else has asked for one as well.
            others = self._task.uncancel() > self._cancelling
            if kind is asyncio.CancelledError and not others:
                raise TimeoutError from error

    def progress(self) -> None:
        """Note that something of the answer has come."""
        self._seen = self._loop.time()

    def look(self, now: float) -> None:
        """See whether a limit has passed; if none has, say when to look again."""
        if self._expired:
            self.due = _NEVER
        elif now >= self._end:
            self._expire(None)
        elif self._seen is not None:
            self._wait_until(self._seen + self._limits.stall_timeout)
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
            self._watch.expect(self.due)
        elif not self._expired:
            self._expire(FallbackReason.FIRST_TOKEN_TIMEOUT)

    def _wait_until(self, due: float) -> None:
        self.due = min(due, self._end)

    def _expire(self, reason: FallbackReason | None) -> None:
        self.reason = reason
        self._expired = True
        self.due = _NEVER
        if self._task is not None:
            self._task.cancel()
