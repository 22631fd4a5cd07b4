"""Eviction policies of other programs, each deciding in place of hostd's scheduler.

Baselines differ by policy alone; what all of them share is in `baseline_router`.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import combinations, pairwise
from math import comb

from hostd.domain.lifecycle import State
from hostd.simulation.baseline_router import BaselineModel, BaselinePolicy, BaselineRouter
from hostd.simulation.host_model import FreeBytes, SimulatedHost, take

MOST_TRIED = 5_000
"""Sets of models of which each is tried; of more, only the largest models count."""

KEEP_ALIVE = 300.0
"""Seconds: Ollama's default."""


class LruCount:
    """At most so many models, the least recently used one is evicted: llama.cpp's router, LocalAI and Lemonade.

    Copied: a limit by count (--models-max, --max-active-backends), waiting requests in order of arrival per model, eviction of the
    least recently used idle engine, requests for a loaded model served past those that wait for a load, no engine unloaded
    for being idle. As these programs do not know what models take, the owner has to pick a count that is safe whichever models
    come together: here it is the highest such count. Where the pieces left on several cards are too small all the same, which
    would be an out-of-memory for them, one more idle model is evicted.
    """

    strict = False
    keep_alive = None

    def __init__(self, host: SimulatedHost) -> None:
        self.count = safe_count(host)

    def victims(
        self, wanted: BaselineModel, models: Collection[BaselineModel], free: FreeBytes
    ) -> Sequence[BaselineModel] | None:
        """Return the idle engine that was used longest ago once the count is full; None while all are busy."""
        if sum(model.state is not State.COLD for model in models) < self.count and wanted.model.place(free):
            return ()
        if any(model.state is State.STOPPING for model in models):
            return None
        idle = [model for model in models if model.idle]
        return (min(idle, key=lambda model: (model.used_at, model.name)),) if idle else None


class LruMemory:
    """Where a load does not fit, idle models are evicted, the least recently used first, until it does: oMLX and large-model-proxy.

    Copied: memory is known before a load; no busy engine is waited for longer than until it is idle; what fits is loaded at once,
    whoever waits; no engine is unloaded for being idle. No model is evicted while all that are idle would free too little.
    """

    strict = False
    keep_alive = None

    def victims(
        self, wanted: BaselineModel, models: Collection[BaselineModel], free: FreeBytes
    ) -> Sequence[BaselineModel] | None:
        """Return the idle engines that were used longest ago, as many as the load takes; None while they are too few."""
        if any(model.state is State.STOPPING for model in models):
            return () if wanted.model.place(free) else None
        chosen: list[BaselineModel] = []
        for model in sorted((model for model in models if model.idle), key=lambda model: (model.used_at, model.name)):
            if wanted.model.place(free):
                break
            chosen.append(model)
            free = take(free, {pool: -count for pool, count in model.needs.items()})
        return chosen if wanted.model.place(free) else None


class ShortestKeepAlive:
    """What does not fit evicts the idle model with the shortest keep-alive, then the first by name: Ollama.

    Copied: memory is known before a load; one queue for all models that are not loaded, whose head blocks those behind it, also
    those that would fit; the victim is the first idle one by keep-alive (five minutes for all unless a client says otherwise, so
    the name decides), and where none is idle the first of all, which is stopped as soon as it is; one victim at a time until
    the load fits; an engine without a request for its keep-alive is stopped. Not copied: an estimate that is off, contexts that
    clients change by accident, and that out-of-memory unloads everything.
    """

    strict = True
    keep_alive = KEEP_ALIVE

    def victims(
        self, wanted: BaselineModel, models: Collection[BaselineModel], free: FreeBytes
    ) -> Sequence[BaselineModel] | None:
        """Return the next engine to evict; empty once *wanted* fits."""
        if wanted.model.place(free):
            return ()
        if any(model.state is State.STOPPING for model in models):
            return None
        ready = sorted((model for model in models if model.state is State.READY), key=lambda model: model.name)
        return next(((model,) for model in ready if model.idle), tuple(ready[:1])) or None


class StaticGroups:
    """Groups made by hand, of which each holds one model at a time: llama-swap.

    Copied: a request for a loaded model is served at once; one for another model of its group waits until the loaded one has
    nothing in flight, and then takes its place; groups do not disturb each other; no time limit unless the owner sets one, so
    that a model that is always busy is never swapped out. llama-swap does not know memory, but its owner is taken to be skilled:
    the groups are the best there are, see `best_groups`.
    """

    strict = False
    keep_alive = None

    def __init__(self, host: SimulatedHost) -> None:
        self.groups = best_groups(host)
        self._group = {name: number for number, group in enumerate(self.groups) for name in group}

    def victims(
        self, wanted: BaselineModel, models: Collection[BaselineModel], free: FreeBytes
    ) -> Sequence[BaselineModel] | None:
        """Return the model of the same group, once it is idle."""
        group = self._group[wanted.name]
        there = [model for model in models if model.state is not State.COLD and self._group[model.name] == group]
        if not there and wanted.model.place(free):
            return ()
        if any(not model.idle for model in there):
            return None
        return there or [model for model in models if model.idle][:1] or None


def safe_count(host: SimulatedHost) -> int:
    """Return how many models may be loaded at most, so that whichever they are they fit together; at least 1."""
    names = [model.name for model in host.largest_first(host.models)]
    count = 1
    while count < len(names) and _always_fit(host, names, count + 1):
        count += 1
    return count


def _always_fit(host: SimulatedHost, names: Sequence[str], count: int) -> bool:
    if comb(len(names), count) > MOST_TRIED:
        return host.fit_together(names[:count])
    return all(host.fit_together(chosen) for chosen in combinations(names, count))


def best_groups(host: SimulatedHost) -> list[list[str]]:
    """Return groups of models such that one of each, whichever they are, are loaded together.

    There are as many groups as can be, which leaves the smallest models alone in theirs, always loaded; and of so many, those
    in which the others share as evenly as can be.
    """
    names = [model.name for model in host.largest_first(host.models)]
    for count in range(len(names), 1, -1):
        cuts = [(0, *cut, len(names)) for cut in _cuts(len(names), count)]
        found = [cut for cut in cuts if host.fit_together(names[at] for at in cut[:-1])]
        if found:
            best = min(found, key=lambda cut: sum((end - begin) ** 2 for begin, end in pairwise(cut)))
            return [names[begin:end] for begin, end in pairwise(best)]
    return [names]


def _cuts(models: int, groups: int) -> Iterable[tuple[int, ...]]:
    """Yield where a list may be cut into so many groups; only the one with the smallest models alone where there are too many."""
    if comb(models - 1, groups - 1) > MOST_TRIED:
        return [tuple(range(models - groups + 1, models))]
    return combinations(range(1, models), groups - 1)


BASELINES = ("lru-count", "lru-memory", "shortest-keepalive", "static-groups")


def baseline(name: str, host: SimulatedHost) -> BaselineRouter:
    """Return the baseline of that name, one of `BASELINES`."""
    policies: dict[str, Callable[[], BaselinePolicy]] = {
        "lru-count": lambda: LruCount(host),
        "lru-memory": LruMemory,
        "shortest-keepalive": ShortestKeepAlive,
        "static-groups": lambda: StaticGroups(host),
    }
    return BaselineRouter(host, policies[name]())
