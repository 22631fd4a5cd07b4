"""Which option a model is loaded with, and which models are evicted for it: the one rule of the daemon and of ``hostd plan``.

An eviction costs the seconds of a reload times the probability that one is needed soon. Among the sets of models that free
enough memory, the cheapest one is evicted, and never a model more than necessary.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp
from typing import NamedTuple

from hostd.planning.warm_set.load_option import Bytes, LoadOption, excess

NEAR = 10.0
"""Seconds within which another request for an evicted model makes its eviction a mistake."""

SELDOM = 0.01
"""The least probability of such a request: no loaded model is free to evict."""

STEP_DOWN = 30.0
"""Seconds of eviction cost that a better variant is worth."""

MOST_STEPS = 600
"""Steps of search: among eight candidates the cheapest set is certain, among more it is the cheapest of those looked at.

The scheduler decides between two requests, so the worst case has to end within a few milliseconds.
"""


def probability(rate: float, within: float) -> float:
    """Return the probability of at least one request *within* so many seconds at *rate* per second (a Poisson process)."""
    return 1.0 - exp(-rate * within)


def reload_cost(load_seconds: float, rate: float, priority: int, *, declared: bool) -> float:
    """Return the expected seconds of loading that an eviction causes, at *rate* requests per second.

    A model that is *declared* warm weighs twice, and the owner's *priority* from half (0) to one and a half times (100).
    """
    weight = (2.0 if declared else 1.0) * (0.5 + priority / 100.0)
    return load_seconds * max(SELDOM, probability(rate, NEAR)) * weight


@dataclass(frozen=True, slots=True)
class EvictionCandidate:
    """A loaded model that may be evicted: at which *cost* (expected seconds), and the *bytes* it holds, by pool id.

    *evictable_at* is the earliest time of its eviction (seconds on the scheduler's clock), None while only an event can tell.
    """

    name: str
    cost: float
    bytes: Mapping[str, int]
    evictable_at: float | None


class LoadPlan(NamedTuple):
    """One way to make memory for a load: the option, the models evicted for it, the cost in seconds, and the earliest time."""

    option: LoadOption
    evict: tuple[EvictionCandidate, ...]
    cost: float
    at: float


def best_load(
    options: Sequence[LoadOption], free: Bytes, candidates: Sequence[EvictionCandidate], now: float
) -> LoadPlan | None:
    """Return how to load a model beside *free* bytes; None where even evicting all *candidates* frees too little.

    The cheapest plan among those possible *now* is taken; if there is none, the earliest one, then the cheapest. A plan costs
    its evictions and `STEP_DOWN` for each better variant it passes over.
    """
    ready = [each for each in candidates if each.evictable_at is not None and each.evictable_at <= now]
    # Memory that can be had now beats cheaper memory later: a request waits for it.
    if plans := _plans(options, free, ready, now):
        return min(plans, key=lambda plan: plan.cost)
    return min(_plans(options, free, candidates, now), key=lambda plan: (plan.at, plan.cost), default=None)


def _plans(
    options: Sequence[LoadOption], free: Bytes, candidates: Sequence[EvictionCandidate], now: float
) -> list[LoadPlan]:
    found = []
    for option in options:
        evict = cheapest_eviction(candidates, excess(option.peak, free))
        if evict is not None:
            cost = STEP_DOWN * steps_down(options, option) + sum(each.cost for each in evict)
            # A model that only an event makes evictable (the end of its load) is evicted late, but surely.
            times = (float("inf") if each.evictable_at is None else each.evictable_at for each in evict)
            found.append(LoadPlan(option, evict, cost, max((now, *times))))
    return found


def steps_down(options: Sequence[LoadOption], option: LoadOption) -> int:
    """Return how many variants of *options* are better than that of *option*."""
    return list(dict.fromkeys(each.variant for each in options)).index(option.variant)


def cheapest_eviction(
    candidates: Sequence[EvictionCandidate], short: Mapping[str, int]
) -> tuple[EvictionCandidate, ...] | None:
    """Return the candidates whose eviction frees *short* (bytes by pool id) at the lowest cost; None if all are too few.

    Of equal cost, the set with fewer bytes is returned. No member of the result is superfluous.
    """
    if not short:
        return ()
    # A model that holds nothing of the short pools would be evicted in vain.
    useful = sorted((each for each in candidates if any(each.bytes.get(pool, 0) > 0 for pool in short)), key=_cheapness)
    if any(sum(each.bytes.get(pool, 0) for each in useful) < lack for pool, lack in short.items()):
        return None
    # The search begins with a sufficient set, so that it has an answer whenever its steps run out.
    search = _Search(useful, [(pool, lack) for pool, lack in short.items() if lack > 0], _minimal(useful, short))
    search.descend(0, (), 0.0, [lack for _, lack in search.short])
    return _minimal(search.found, short)


def _cheapness(each: EvictionCandidate) -> tuple[float, int, str]:
    return each.cost, sum(each.bytes.values()), each.name


def _minimal(chosen: Sequence[EvictionCandidate], short: Mapping[str, int]) -> tuple[EvictionCandidate, ...]:
    """Return *chosen* without the superfluous ones, the most expensive removed first."""
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

    def descend(self, depth: int, taken: tuple[EvictionCandidate, ...], cost: float, lack: list[int]) -> None:
        """Look at every set that extends *taken* and may be cheaper than the best one so far."""
        self.steps += 1
        if max(lack, default=0) <= 0:
            total = (cost, sum(sum(each.bytes.values()) for each in taken))
            if total < self.best:
                self.best, self.found = total, taken
            return
        for need, have in zip(lack, self.rest[depth], strict=True):
            if need > have:
                return
        each = self.candidates[depth]
        # Candidates are sorted by cost: every further one costs at least as much as this one.
        if cost + each.cost > self.best[0] or self.steps >= MOST_STEPS:
            return
        less = [need - held for need, held in zip(lack, self.bytes[depth], strict=True)]
        self.descend(depth + 1, (*taken, each), cost + each.cost, less)
        self.descend(depth + 1, taken, cost, lack)
