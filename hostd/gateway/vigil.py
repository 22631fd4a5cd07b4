"""Ends an attempt that takes too long, and says which of its limits it was."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from hostd.domain.profile import Limits
from hostd.domain.reason import Reason


class Vigil:
    """A scope around one attempt. One timer, re-armed only when it rings, whatever the number of chunks.

    Before the first token, ``first_token_timeout`` counts; from then on ``stall_timeout`` since the last sign of life; and at
    all times what is left of the ticket's whole time. An answer that is not streamed shows no first token: its engine is asked
    (*generating*) whether it is making one. Leaving an expired scope raises TimeoutError; `reason` says why (None: the ticket's
    whole time is up).
    """

    def __init__(self, limits: Limits, left: float, generating: Callable[[], Awaitable[bool]] | None = None) -> None:
        self.reason: Reason | None = None
        self._limits = limits
        self._generating = generating
        self._loop = asyncio.get_running_loop()
        self._scope = asyncio.timeout(None)
        self._end = self._loop.time() + left
        self._seen: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._scope.__aenter__()
        self._wake(self._loop.time() + self._limits.first_token_timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._asking is not None:
            self._asking.cancel()
        await self._scope.__aexit__(kind, error, trace)

    def progress(self) -> None:
        """Note that something of the answer has come."""
        self._seen = self._loop.time()

    def _wake(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(min(at, self._end), self._ring)

    def _ring(self) -> None:
        now = self._loop.time()
        if now >= self._end:
            self._scope.reschedule(now)
        elif self._seen is not None:
            due = self._seen + self._limits.stall_timeout
            if now < due:
                self._wake(due)
            else:
                self._expire(Reason.STALL)
        elif self._generating is None:
            self._expire(Reason.FIRST_TOKEN_TIMEOUT)
        else:
            self._wake(self._end)
            self._asking = self._loop.create_task(self._ask(self._generating))

    async def _ask(self, generating: Callable[[], Awaitable[bool]]) -> None:
        if await generating():
            self._wake(self._loop.time() + self._limits.stall_timeout)
        else:
            self._expire(Reason.FIRST_TOKEN_TIMEOUT)

    def _expire(self, reason: Reason) -> None:
        self.reason = reason
        self._scope.reschedule(self._loop.time())
