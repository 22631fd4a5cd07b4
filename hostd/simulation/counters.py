"""What is counted while a replay runs, in constant time per request."""

from array import array
from dataclasses import dataclass, field


@dataclass(slots=True)
class WaitTracker:
    """One model's waiting requests: how many, and since when none of them was served."""

    waiting: int = 0
    since: float = 0.0
    longest: float = 0.0

    def joined(self, now: float) -> None:
        """Note one more that waits."""
        if not self.waiting:
            self.since = now
        self.waiting += 1

    def fed(self, now: float) -> None:
        """Note that one was served."""
        self.waiting -= 1
        self.longest = max(self.longest, now - self.since)
        self.since = now

    def left(self, now: float) -> None:
        """Note that one gave up or was turned away, which feeds nobody."""
        self.waiting -= 1
        self.longest = max(self.longest, now - self.since)


@dataclass(slots=True)
class Counters:
    """The counts of one replay. *limits* holds each model's queue_timeout and total_timeout, in seconds.

    A request that is turned away counts as one that waited as long as its client would have: otherwise a policy would look
    quick by refusing.
    """

    limits: dict[str, tuple[float, float]]
    requests: int = 0
    served_count: int = 0
    refusals: int = 0
    broken: int = 0
    misses: int = 0
    loads: int = 0
    evictions: int = 0
    overcommits: int = 0
    loading_seconds: float = 0.0
    span: float = 0.0
    waits: "array[float]" = field(default_factory=lambda: array("d"))
    hunger: dict[str, WaitTracker] = field(default_factory=dict)
    _loading: int = 0
    _loading_since: float = 0.0

    def arrived(self, model: str, now: float) -> None:
        """Note a request."""
        self.requests += 1
        self.hunger.setdefault(model, WaitTracker()).joined(now)

    def served(self, model: str, waited: float, now: float) -> None:
        """Note that a request has found its place after *waited* seconds."""
        self.served_count += 1
        self.misses += waited > self.limits[model][0]
        self.waits.append(waited)
        self.hunger[model].fed(now)

    def refused(self, model: str, now: float) -> None:
        """Note that a request was turned away, or its client gave up."""
        self.refusals += 1
        self.misses += 1
        self.waits.append(self.limits[model][1])
        self.hunger[model].left(now)

    def load_began(self, now: float) -> None:
        """Note that a load has begun."""
        self.loads += 1
        if not self._loading:
            self._loading_since = now
        self._loading += 1

    def load_ended(self, now: float) -> None:
        """Note that a load is over, well or not."""
        self._loading -= 1
        if not self._loading:
            self.loading_seconds += now - self._loading_since

    def close(self, now: float) -> None:
        """Note the end of the replay."""
        self.span = now
        if self._loading:
            self.loading_seconds += now - self._loading_since
