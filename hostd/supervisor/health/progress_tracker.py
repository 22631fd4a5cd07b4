"""When an engine last showed progress, from everything that shows any: pure, with time as an argument.

Tokens are progress, of a prompt or of an answer, whichever request they belong to. Where none can be seen, computing stands in
for them, but only as far as tokens may be on their way: while a batch of a prompt is computed, as long as such a batch may take;
or in an engine that reports nothing at all, up to ``total_timeout``, which no request may exceed in any case. An engine that
reports its tokens and computes without one in neither state is stuck.
"""

from collections.abc import Callable, Hashable

from hostd.domain.profile import Limits
from hostd.domain.progress import EngineProgress, PromptProgress

SLOWEST_READING = 2.0
"""Tokens per second of a prompt below which reading is taken for standing still, as long as no batch of it was timed. A machine
that slow needs longer than total_timeout for a prompt of 1,200 tokens."""
_NOTHING = PromptProgress(0, 0)
SLOWER = 3.0
"""How many times as long as the slowest batch so far the next one may take: attention costs more the longer the prompt is, and
other programs may take processors away."""


class ProgressTracker:
    """The progress of one engine; *limits* returns those of its profile, which may be changed at any time."""

    def __init__(self, limits: Callable[[], Limits], now: float, *, reports: bool = False) -> None:
        """Begin at *now*; *reports* says that the engine will report its prompts, which otherwise only a report shows."""
        self.alive_at = now
        """When the engine last showed that it works on its requests: by a token, or by computing what may become one."""
        self._limits = limits
        self.abandoned = False
        """Whether a request was given up that the engine may still work on."""
        self.is_still = False
        """Whether the engine, when it was last looked at, had made no token and computed nothing."""
        self._token_at = now
        self._busy_since = now
        self._working = False
        self._report: EngineProgress | None = None
        self.reports = reports
        """Whether the engine reports what it does with its requests."""
        self._prompts: dict[Hashable, PromptProgress] = {}
        self._timed: float | None = None

    def begun(self, now: float) -> None:
        """Note that the engine has something to do; silence before that is rest."""
        if not self._working:
            self._working, self._busy_since = True, now

    def rested(self) -> None:
        """Note that no request is in flight; one that was given up may still hold the engine, so its silence goes on."""
        if not self.abandoned:
            self._working = False
            self._prompts.clear()

    def probed(self, began: float, now: float) -> None:
        """Note that a probe which *began* then was answered with a token."""
        self.received(now)
        self.turned(began)

    def turned(self, began: float) -> None:
        """Note that the probe which *began* then is over, without a token."""
        if self._busy_since == began:
            self._working = False

    def received(self, now: float) -> None:
        """Note that something of an answer arrived."""
        if now > self._token_at:  # noqa: PLR1730 - called for each request, and a call of max costs more
            self._token_at = now
        self.alive_at = self._token_at
        self.is_still = False

    def expect(self, request: Hashable, tokens: int) -> None:
        """Note about how many tokens the prompt of a *request* has, which may be all that is ever known of its progress."""
        self._prompts[request] = PromptProgress(0, tokens)

    def prompt(self, request: Hashable, progress: PromptProgress, now: float) -> None:
        """Note that the engine reports how much of a *request*'s prompt it has read."""
        before = self._prompts.get(request)
        if before is not None and before.total == progress.total and progress.read > before.read:
            seconds = (now - self._token_at) / (progress.read - before.read)
            self._timed = max(seconds, self._timed or 0.0)
        self.reports = True
        self._prompts[request] = progress
        self.received(now)

    def done(self, request: Hashable, *, given_up: bool) -> None:
        """Note that a *request* is over; the batch of one that was *given_up* is computed to its end."""
        self.abandoned = self.abandoned or given_up
        if not given_up or self._prompts.get(request, _NOTHING).complete:
            self._prompts.pop(request, None)

    def reported(self, report: EngineProgress | None, now: float, *, computes: bool) -> None:
        """Note what the engine reports about its slots, None if it does not answer, and whether it *computes*."""
        before, self._report = self._report, report
        if report is not None:
            self.reports = True
            if report.is_idle:
                self._prompts.clear()
                self.abandoned = self.is_still = False
                return
            if before is not None and report != before:
                self.received(now)
                return
        elif not computes:
            self.abandoned = False
        self.is_still = not computes
        # Whoever waits does so for the limit beyond the last sign, which is part of what is allowed.
        if computes and now - self._silent_since <= self._allowance() - self._limits().first_token_timeout:
            self.alive_at = max(now, self.alive_at)

    def overdue(self, now: float) -> bool:
        """Return whether the engine has been without a token for longer than computing could explain."""
        return now - self._silent_since > self._allowance()

    def why(self, now: float) -> str:
        """Return in words for how long there was no token."""
        seen = "reported no token" if self.reports else "sent no token, and reports nothing about its progress,"
        return f"it has {seen} for {now - self._silent_since:.0f} s"

    @property
    def _silent_since(self) -> float:
        return max(self._token_at, self._busy_since)

    def _allowance(self) -> float:
        """Return for how many seconds in all there need be no token while the engine computes."""
        limits = self._limits()
        if not self.reports:
            return max(limits.first_token_timeout, limits.total_timeout)
        batch = self._batch()
        seconds = batch * SLOWER * self._timed if self._timed else batch / SLOWEST_READING
        return max(limits.first_token_timeout, min(limits.total_timeout, seconds))

    def _batch(self) -> int:
        """Return how many tokens of prompts may be in computation, at most."""
        if self._report is not None and any(slot.reading is not None for slot in self._report.slots):
            return sum(slot.reading or 0 for slot in self._report.slots)
        return max((progress.total - progress.read for progress in self._prompts.values()), default=0)
