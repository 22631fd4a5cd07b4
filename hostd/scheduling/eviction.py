"""Who goes, so that somebody else can come: the cheapest sufficient set, and never one model more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hostd.domain.lifecycle import State
from hostd.scheduling.model_state import ModelState, probability
from hostd.scheduling.pending_load import LoadPriority, PendingLoad

NEAR = 10.0
"""Seconds within which another request for a model makes its going a mistake."""

SELDOM = 0.01
"""The least likelihood of such a request: nothing that was ever loaded is free to lose."""

RESIDENCY_LOADS, LEAST_RESIDENCY, LONGEST_RESIDENCY = 2.0, 5.0, 30.0
"""A model that is in use stays for so many times as long as it took to load, within these bounds (seconds)."""

PATIENCE = 6.0
"""How many times the cost of an idle model's going those who wait for its memory must have waited together, at most `HOLD` long."""

HOLD = 10.0
"""Seconds without a request after which an idle model goes for whoever waits, whatever that costs."""

WAIT_LOADS, LONGEST_WAIT = 6.0, 120.0
"""A model that is always busy is closed to newcomers for the sake of one that waits after so many times as long as both take to
load (so that a seventh of the time goes into loads at most), at the latest after so many seconds."""

LULL = 60.0
"""Seconds that a model must have been idle before it goes for one that merely should be warm."""


def eviction_cost(model: ModelState, now: float, demand: Mapping[str, float], *, declared: bool) -> float:
    """Return the seconds that the going of *model* is expected to cost: its load, times how likely that is needed soon.

    The rate is the higher one of the last minutes' and of what this hour of the week has shown (*demand*, requests an hour). A
    *declared* model weighs twice, and the owner's priority counts from half (0) to one and a half times (100).
    """
    rate = max(model.request_rate.rate(now), demand.get(model.profile.name, 0.0) / 3600.0)
    likely = max(SELDOM, probability(rate, NEAR))
    weight = (2.0 if declared else 1.0) * (0.5 + model.profile.warm.priority / 100.0)
    return model.seconds_to_load * likely * weight


def residency(model: ModelState) -> float:
    """Return for how many seconds a model stays once it is loaded, so that its load was worth it."""
    return min(LONGEST_RESIDENCY, max(LEAST_RESIDENCY, RESIDENCY_LOADS * model.seconds_to_load))


def evictable_at(
    model: ModelState, pending: PendingLoad, claimant: ModelState, now: float, cost: float
) -> float | None:
    """Return when *model* may be asked to go for *claimant* (seconds); None while only an event can tell.

    An idle model goes once those who wait have together waited several times as long as its going is expected to cost, or when it
    has been idle for `HOLD`: so requests that come in turns are answered in batches. A busy one goes on, for answering all of its
    requests in one stay is what makes the fewest loads, but not for ever: after `WAIT_LOADS`, its residency being over, it is
    closed to newcomers and goes when it has answered those who are there. Both go sooner where a deadline of higher priority
    demands it. The owner's hand moves idle ones at once; for models that nobody waits for, only those go that have been idle for a
    while.
    """
    if model.state is State.SLEEPING:
        return now
    if model.state is not State.READY:
        return None
    if pending.priority is not LoadPriority.WAITED_FOR:
        return model.idle_since + LULL if model.idle else None
    first = next(iter(claimant.queue.values()), None)
    since = pending.since if first is None else first.since
    both = model.seconds_to_load + claimant.seconds_to_load
    at = max(since + min(LONGEST_WAIT, WAIT_LOADS * both), model.ready_at + residency(model))
    if model.idle:
        at = min(at, model.idle_since + HOLD)
        if first is None:
            return now
        waited = sum(now - request.since for request in claimant.queue.values())
        patience = now + max(0.0, PATIENCE * cost - waited) / len(claimant.queue)
        at = min(at, max(patience, model.ready_at + min(LEAST_RESIDENCY, model.seconds_to_load)))
    if first is not None and claimant.profile.warm.priority > model.profile.warm.priority:
        at = min(at, first.since + claimant.profile.limits.queue_timeout - claimant.seconds_to_load)
    return at


MOST_STEPS = 600
"""Steps of search: among eight candidates the cheapest set is found for certain, among more the cheapest of those looked at.

The desk decides between two requests, so the worst case has to be over in a few milliseconds.
"""


@dataclass(frozen=True, slots=True)
class EvictionCandidate:
    """A model that could go. *price* is what its going is expected to cost (seconds), *bytes* what it holds, by pool id.

    *free_at* is when it may be asked to go (seconds on the desk's clock), None when only an event can tell.
    """

    name: str
    cost: float
    bytes: Mapping[str, int]
    evictable_at: float | None


def cheapest_eviction(
    candidates: Sequence[EvictionCandidate], short: Mapping[str, int]
) -> tuple[EvictionCandidate, ...] | None:
    """Return the candidates whose going frees at least *short* (bytes by pool id) at the lowest price; None if all are too few.

    Of equal price, fewer bytes go; without any shortage nobody does. No member of the result is superfluous.
    """
    if not short:
        return ()
    useful = sorted((each for each in candidates if any(each.bytes.get(pool, 0) > 0 for pool in short)), key=_cheapness)
    if any(sum(each.bytes.get(pool, 0) for each in useful) < lack for pool, lack in short.items()):
        return None
    search = _Search(useful, [(pool, lack) for pool, lack in short.items() if lack > 0], _spared(useful, short))
    search.descend(0, (), 0.0, [lack for _, lack in search.short])
    return _spared(search.found, short)


def _cheapness(each: EvictionCandidate) -> tuple[float, int, str]:
    return each.cost, sum(each.bytes.values()), each.name


def _spared(chosen: Sequence[EvictionCandidate], short: Mapping[str, int]) -> tuple[EvictionCandidate, ...]:
    """Return *chosen* without those, the dearest first, whose going is not needed."""
    kept = list(chosen)
    for each in sorted(chosen, key=_cheapness, reverse=True):
        rest = [other for other in kept if other is not each]
        if all(sum(other.bytes.get(pool, 0) for other in rest) >= lack for pool, lack in short.items()):
            kept = rest
    return tuple(kept)


@dataclass(slots=True)
class _Search:
    """Depth first through with and without each candidate, cheapest first, bounded by the best set so far."""

    candidates: Sequence[EvictionCandidate]
    short: list[tuple[str, int]]
    found: tuple[EvictionCandidate, ...]
    best: tuple[float, int] = field(init=False)
    steps: int = 0
    bytes: list[list[int]] = field(init=False)
    rest: list[list[int]] = field(init=False)

    def __post_init__(self) -> None:
        self.best = (sum(each.cost for each in self.found), sum(sum(each.bytes.values()) for each in self.found))
        self.bytes = [[each.bytes.get(pool, 0) for pool, _ in self.short] for each in self.candidates]
        self.rest = [[0] * len(self.short)]
        for held in reversed(self.bytes):
            self.rest.append([more + have for more, have in zip(held, self.rest[-1], strict=True)])
        self.rest.reverse()

    def descend(self, depth: int, taken: tuple[EvictionCandidate, ...], price: float, lack: list[int]) -> None:
        """Look at every set that goes on from *taken* and may be cheaper than the best one so far."""
        self.steps += 1
        if max(lack, default=0) <= 0:
            cost = (price, sum(sum(each.bytes.values()) for each in taken))
            if cost < self.best:
                self.best, self.found = cost, taken
            return
        for need, have in zip(lack, self.rest[depth], strict=True):
            if need > have:
                return
        each = self.candidates[depth]
        # They come in order of price: whatever else goes, costs at least as much as this one.
        if price + each.cost > self.best[0] or self.steps >= MOST_STEPS:
            return
        less = [need - held for need, held in zip(lack, self.bytes[depth], strict=True)]
        self.descend(depth + 1, (*taken, each), price + each.cost, less)
        self.descend(depth + 1, taken, price, lack)
