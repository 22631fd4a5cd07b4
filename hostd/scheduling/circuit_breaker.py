"""When a target is left alone because too many of its requests fail, and how it is tried again: a pure state machine.

Closed, it counts how requests end. Open, it lets none through until its wait is over; then it is half open, and one request is
let through as a probe: its answer closes the breaker, its failure opens it again for twice as long. It is never open without an
end, so that every target comes back by itself. The pattern is M. Nygard's (Release It!, second edition, 2018, chapter 5).
"""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from hostd.domain.reason import FallbackReason

WINDOW = 60.0
"""Seconds over which requests are counted."""
LEAST_SAMPLES = 10
"""Requests in the window below which no rate is taken: some failures in a row of a model that is asked rarely say little."""
FAILURE_RATE = 0.7
"""Share of failures from which a target is left alone. One that answers every second request is worth its try: what it fails
before the first byte goes elsewhere, and where there is no other target, half of the answers are better than none."""
FIRST_WAIT = 2.0
LONGEST_WAIT = 30.0
_SLICE = WINDOW / 6

COUNTED = frozenset(
    {
        FallbackReason.CONNECT,
        FallbackReason.FIRST_TOKEN_TIMEOUT,
        FallbackReason.STALL,
        FallbackReason.STATUS_5XX,
    }
)
"""What counts as a failure of the target. A crash is for the restart policy, a full queue or a 429 is no fault, and a prompt that
is too long or unfit is the request's own."""


class BreakerState(StrEnum):
    """Whether requests pass: all of them, none, or one that tries whether the target has recovered."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


# Looking a member up in its class takes a call before Python 3.12, and these are asked for with each request.
_CLOSED, _HALF_OPEN = BreakerState.CLOSED, BreakerState.HALF_OPEN


@dataclass(slots=True)
class _Slice:
    """How the requests of one sixth of the window have ended; *digests* are those of failures that may be the request's own."""

    number: int
    count: int = 0
    failures: int = 0
    digests: set[str] = field(default_factory=set)


@dataclass(slots=True)
class CircuitBreaker:
    """The breaker of one target. All times are seconds on the scheduler's clock.

    *again_at* is when an open breaker lets a probe through, *cause* the failure that opened it, *probe* the ticket of the request
    that was let through. *wait* is how long it was open last, *opened* how often it has opened, *probes_failed* how many probes in
    a row have failed.
    """

    state: BreakerState = BreakerState.CLOSED
    again_at: float | None = None
    cause: FallbackReason | None = None
    probe: str | None = None
    wait: float = 0.0
    opened: int = 0
    probes_failed: int = 0
    _closed_at: float = float("-inf")
    _slices: deque[_Slice] = field(default_factory=deque)
    _slice_ends: float = float("-inf")

    @property
    def admits(self) -> bool:
        """Whether a request may be sent to the target now."""
        return self.state is _CLOSED or (self.state is _HALF_OPEN and self.probe is None)

    def counts(self, now: float) -> tuple[int, int]:
        """Return how many requests of the window have failed, and how many there were."""
        self._forget(now)
        return sum(each.failures for each in self._slices), sum(each.count for each in self._slices)

    def served(self, ticket_id: str) -> None:
        """Note that a request is sent to the target; while the breaker is half open, it is the probe."""
        if self.state is _HALF_OPEN:
            self.probe = ticket_id

    def released(self, ticket_id: str) -> None:
        """Note that a request has left the target without telling anything about it."""
        if self.probe == ticket_id:
            self.probe = None

    def answered(self, ticket_id: str, now: float) -> bool:
        """Count an answer; return whether it has closed the breaker."""
        if self.state is _CLOSED:
            self._slice(now).count += 1
            return False
        # One that was sent before the target began to fail tells nothing about it.
        if self.probe != ticket_id or self.state is not BreakerState.HALF_OPEN:
            return False
        self.close(now)
        return True

    def failed(self, ticket_id: str, reason: FallbackReason, now: float, digest: str | None = None) -> bool:
        """Count a failure of the target; return whether it has opened the breaker.

        One with a *digest* may be the request's own fault, so that the same request counts once in the window.
        """
        if reason not in COUNTED:
            self.released(ticket_id)
            return False
        if self.state is BreakerState.HALF_OPEN and self.probe == ticket_id:
            self.probes_failed += 1
            self._open(reason, now, min(LONGEST_WAIT, 2 * self.wait))
            return True
        if self.state is not BreakerState.CLOSED:
            return False
        self._forget(now)
        if digest is not None and any(digest in each.digests for each in self._slices):
            return False
        present = self._slice(now)
        present.count += 1
        present.failures += 1
        if digest is not None:
            present.digests.add(digest)
        failures, count = self.counts(now)
        if count < LEAST_SAMPLES or failures < FAILURE_RATE * count:
            return False
        self.trip(reason, now)
        return True

    def trip(self, reason: FallbackReason, now: float) -> None:
        """Open the breaker: the target is known to be away."""
        # One that opens again soon after it was closed has not recovered.
        flaps = self.wait > 0 and now - self._closed_at < WINDOW
        self._open(reason, now, min(LONGEST_WAIT, 2 * self.wait) if flaps else FIRST_WAIT)

    def let_through(self) -> None:
        """Note that the wait is over: the next request is a probe."""
        if self.state is BreakerState.OPEN:
            self.state, self.again_at = BreakerState.HALF_OPEN, None

    def close(self, now: float) -> None:
        """Let all requests through again, with nothing counted yet."""
        if self.state is not BreakerState.CLOSED:
            self._closed_at = now
        self.state, self.again_at, self.probe, self.cause = BreakerState.CLOSED, None, None, None
        self.probes_failed = 0
        self._slices.clear()

    def _open(self, reason: FallbackReason, now: float, wait: float) -> None:
        self.state, self.cause, self.probe = BreakerState.OPEN, reason, None
        self.wait, self.again_at = wait, now + wait
        self.opened += 1

    def _slice(self, now: float) -> _Slice:
        if now >= self._slice_ends or not self._slices:
            number = int(now // _SLICE)
            self._slice_ends = (number + 1) * _SLICE
            self._slices.append(_Slice(number))
            self._forget(now)
        return self._slices[-1]

    def _forget(self, now: float) -> None:
        oldest = now // _SLICE - WINDOW / _SLICE
        while self._slices and self._slices[0].number <= oldest:
            self._slices.popleft()
