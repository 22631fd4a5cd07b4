"""When to start a broken engine again, and when to stop trying: a pure schedule.

A crash is forgiven after a stretch of good service; crashes in quick succession wait twice as long each time; after
`GIVE_UP_AFTER` of them the engine stays down for `COOL_DOWN`. Then the next request has it started, or the plan, where the model
should be warm. No failure is for good: a machine that nobody watches has to come back by itself.
"""

from dataclasses import dataclass

from hostd.domain.reason import ExitClass

FIRST_DELAY = 0.5
LONGEST_DELAY = 60.0
GIVE_UP_AFTER = 5
GOOD_SERVICE = 120.0
COOL_DOWN = 300.0
UNMENDED_COOL_DOWN = 10.0
OWN_WANT_DELAY = 2.0
"""Seconds after which hostd tries again what it lacked descriptors, processes or memory for; closed connections give them back."""


@dataclass(slots=True)
class RestartPolicy:
    """The crash history of one engine (seconds on the scheduler's clock).

    *streak* counts failures without a stretch of good service between them. *again_at* is when the engine starts again
    by itself, *closed_until* when a request may make it start again; at most one of them is set. *failed_at* is when the engine
    failed for the last time, until it is tried again.
    """

    streak: int = 0
    total: int = 0
    ready_at: float | None = None
    again_at: float | None = None
    closed_until: float | None = None
    failed_at: float | None = None

    def started(self) -> None:
        """Note that a start is under way."""
        self.again_at = self.closed_until = self.failed_at = None

    def delay_over(self) -> None:
        """Note that the time of the restart has come: whatever becomes of this try, no other one is due because of that failure."""
        self.again_at = self.failed_at = None

    def ready(self, now: float) -> None:
        """Note that the engine serves."""
        self.ready_at = now

    def failed(self, exit_class: ExitClass, now: float, *, charged: bool = False, own_want: bool = False) -> None:
        """Note a failure and decide what follows: a delayed start, or none for a while.

        One that is *charged* to a request is no sign that the next engine will fail, nor is one for hostd's *own_want*.
        """
        if self.ready_at is not None and now - self.ready_at >= GOOD_SERVICE:
            self.streak = 0
        # Forgotten, so that one long run forgives only the crashes before it.
        self.ready_at = self.again_at = self.closed_until = None
        self.failed_at = now
        self.total += 1
        if charged or own_want:
            self.again_at = now + (OWN_WANT_DELAY if own_want else FIRST_DELAY)
            return
        self.streak += 1
        if not exit_class.mends_itself:
            # A flag or a file has to be mended by the owner; a request that arrives later may find that done.
            self.closed_until = now + UNMENDED_COOL_DOWN
        elif self.gave_up:
            self.closed_until = now + COOL_DOWN
        else:
            self.again_at = now + min(LONGEST_DELAY, FIRST_DELAY * 2 ** (self.streak - 1))

    def hold_back(self) -> None:
        """Do not start again by itself; a request may, once the delay is over."""
        if self.again_at is not None:
            self.closed_until, self.again_at = self.again_at, None

    def reset(self) -> None:
        """Forget the streak: the engine is loaded by hand, or was stopped on purpose."""
        self.streak = 0
        self.again_at = self.closed_until = self.ready_at = self.failed_at = None

    @property
    def gave_up(self) -> bool:
        """Whether the engine has crashed too often in a row to be started again by itself."""
        return self.streak >= GIVE_UP_AFTER

    def open(self, now: float) -> bool:
        """Return whether a request may start the engine."""
        return self.closed_until is None or now >= self.closed_until

    def returns(self, now: float) -> bool:
        """Return whether a model that should be warm may be loaded again without a request for it."""
        # A flag or a file that is wrong is looked at for requests far sooner, which clients wait for.
        return self.again_at is None and (self.failed_at is None or now >= self.failed_at + COOL_DOWN)
