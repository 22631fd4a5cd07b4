"""What is counted while a replay runs, in constant time per request."""

from array import array
from dataclasses import dataclass, field


@dataclass(slots=True)
class WaitTracker:
    """Waiting requests of one model: how many, and since when none of them was served (seconds)."""

    waiting: int = 0
    since: float = 0.0
    longest: float = 0.0

    def queued(self, now: float) -> None:
        """Count one more waiting request."""
        if not self.waiting:
            self.since = now
        self.waiting += 1

    def served(self, now: float) -> None:
        """Count one waiting request less, which was served."""
        self.waiting -= 1
        self.longest = max(self.longest, now - self.since)
        self.since = now

    def gave_up(self, now: float) -> None:
        """Count one waiting request less, which was refused or abandoned: the model has still served none."""
        self.waiting -= 1
        self.longest = max(self.longest, now - self.since)


@dataclass(slots=True)
class Counters:
    """The counts of one replay. *limits* holds each model's queue_timeout and total_timeout, in seconds.

    A refused request counts as one that waited as long as its client would have: otherwise a policy would look quick by
    refusing.
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
    prompt_tokens: int = 0
    cached_tokens: int = 0
    waits: "array[float]" = field(default_factory=lambda: array("d"))
    firsts: "array[float]" = field(default_factory=lambda: array("d"))
    trackers: dict[str, WaitTracker] = field(default_factory=dict)
    _loading: int = 0
    _loading_since: float = 0.0

    def arrived(self, model: str, now: float) -> None:
        """Count a request that arrived."""
        self.requests += 1
        self.trackers.setdefault(model, WaitTracker()).queued(now)

    def served(self, model: str, waited: float, now: float) -> None:
        """Count a request that is served after *waited* seconds."""
        self.served_count += 1
        self.misses += waited > self.limits[model][0]
        self.waits.append(waited)
        self.trackers[model].served(now)

    def read(self, prompt: int, cached: int, first: float) -> None:
        """Count a served request's *prompt* tokens, those of them that were *cached*, and the seconds to its *first* token."""
        self.prompt_tokens += prompt
        self.cached_tokens += cached
        self.firsts.append(first)

    def refused(self, model: str, now: float) -> None:
        """Count a request that was refused, or whose client gave up."""
        self.refusals += 1
        self.misses += 1
        self.waits.append(self.limits[model][1])
        self.firsts.append(self.limits[model][1])
        self.trackers[model].gave_up(now)

    def load_began(self, now: float) -> None:
        """Count a load that starts."""
        self.loads += 1
        if not self._loading:
            self._loading_since = now
        self._loading += 1

    def load_ended(self, now: float) -> None:
        """End a load, successful or not."""
        self._loading -= 1
        if not self._loading:
            self.loading_seconds += now - self._loading_since

    def close(self, now: float) -> None:
        """End the replay."""
        self.span = now
        if self._loading:
            self.loading_seconds += now - self._loading_since
