"""The ways in which other programs make room, each as a policy that decides in hostd's place.

They are told apart by policy alone: what they are compared with, and what they get for free, is written in `router`.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import combinations, pairwise
from math import comb

from hostd.domain.lifecycle import State
from hostd.simulation.baseline_router import BaselineModel, BaselinePolicy, BaselineRouter
from hostd.simulation.host_model import Rooms, SimulatedHost

MOST_TRIED = 5_000
"""Sets of models of which each is tried; of more, only the largest models count."""

KEEP_ALIVE = 300.0
"""Seconds: Ollama's default."""


class LruCount:
    """At most so many models, the one that was idle longest goes: llama.cpp's router, LocalAI and Lemonade.

    Copied: a limit by count (--models-max, --max-active-backends), waiters in order of arrival per model, eviction of the least
    recently used engine that is idle, requests for a loaded model served past those that wait for a load, no engine unloaded
    for being idle. As these programs do not know what models take, the owner has to pick a count that is safe whichever models
    come together: here it is the highest such count. Where the pieces left on several cards are too small all the same, which
    would be an out-of-memory for them, one more idle model goes.
    """

    strict = False
    keep_alive = None

    def __init__(self, app: SimulatedHost) -> None:
        self.count = safe_count(app)

    def victims(
        self, wanted: BaselineModel, seats: Collection[BaselineModel], free: Rooms
    ) -> Sequence[BaselineModel] | None:
        """Return the idle engine that was used longest ago once the count is full; None while all are busy."""
        if sum(model.state is not State.COLD for model in seats) < self.count and wanted.tenant.place(free):
            return ()
        if any(model.state is State.STOPPING for model in seats):
            return None
        idle = [model for model in seats if model.idle]
        return (min(idle, key=lambda model: (model.used_at, model.name)),) if idle else None


class ShortestKeepAlive:
    """What does not fit evicts the idle model with the shortest keep-alive, then the first by name: Ollama.

    Copied: memory is known before a load; one queue for everything that is not loaded, whose head holds up all behind it, also
    what would fit; the victim is the first idle one by keep-alive (five minutes for all unless a client says otherwise, so the
    name decides), and where none is idle the first of all, which is stopped as soon as it is; one victim at a time until
    there is room; an engine that nobody used for its keep-alive is stopped. Not copied: an estimate that is off, contexts that
    clients change by accident, and that out-of-memory unloads everything.
    """

    strict = True
    keep_alive = KEEP_ALIVE

    def victims(
        self, wanted: BaselineModel, seats: Collection[BaselineModel], free: Rooms
    ) -> Sequence[BaselineModel] | None:
        """Return the next engine that has to go, or none once there is room."""
        if wanted.tenant.place(free):
            return ()
        if any(model.state is State.STOPPING for model in seats):
            return None
        ready = sorted((model for model in seats if model.state is State.READY), key=lambda model: model.name)
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

    def __init__(self, app: SimulatedHost) -> None:
        self.groups = best_groups(app)
        self._group = {name: number for number, group in enumerate(self.groups) for name in group}

    def victims(
        self, wanted: BaselineModel, seats: Collection[BaselineModel], free: Rooms
    ) -> Sequence[BaselineModel] | None:
        """Return the model of the same group, once it is idle."""
        group = self._group[wanted.name]
        there = [model for model in seats if model.state is not State.COLD and self._group[model.name] == group]
        if not there and wanted.tenant.place(free):
            return ()
        if any(not model.idle for model in there):
            return None
        return there or [model for model in seats if model.idle][:1] or None


def safe_count(app: SimulatedHost) -> int:
    """Return how many models may be loaded at most, so that whichever they are they fit together; at least 1."""
    names = [model.name for model in app.of(app.tenants)]
    count = 1
    while count < len(names) and _always_fit(app, names, count + 1):
        count += 1
    return count


def _always_fit(app: SimulatedHost, names: Sequence[str], count: int) -> bool:
    if comb(len(names), count) > MOST_TRIED:
        return app.together(names[:count])
    return all(app.together(chosen) for chosen in combinations(names, count))


def best_groups(app: SimulatedHost) -> list[list[str]]:
    """Return groups of models such that one of each, whichever they are, are loaded together.

    There are as many groups as can be, which leaves the smallest models alone in theirs, always loaded; and of so many, those
    in which the others share as evenly as can be.
    """
    names = [model.name for model in app.of(app.tenants)]
    for count in range(len(names), 1, -1):
        cuts = [(0, *cut, len(names)) for cut in _cuts(len(names), count)]
        found = [cut for cut in cuts if app.together(names[at] for at in cut[:-1])]
        if found:
            best = min(found, key=lambda cut: sum((end - begin) ** 2 for begin, end in pairwise(cut)))
            return [names[begin:end] for begin, end in pairwise(best)]
    return [names]


def _cuts(models: int, groups: int) -> Iterable[tuple[int, ...]]:
    """Yield where a list may be cut into so many groups; only the one with the smallest models alone where there are too many."""
    if comb(models - 1, groups - 1) > MOST_TRIED:
        return [tuple(range(models - groups + 1, models))]
    return combinations(range(1, models), groups - 1)


PEERS = ("lru-count", "shortest-keepalive", "static-groups")


def peer(name: str, app: SimulatedHost) -> BaselineRouter:
    """Return the peer of that name, one of `PEERS`, as somebody who decides."""
    policies: dict[str, Callable[[], BaselinePolicy]] = {
        "lru-count": lambda: LruCount(app),
        "shortest-keepalive": ShortestKeepAlive,
        "static-groups": lambda: StaticGroups(app),
    }
    return BaselineRouter(app, policies[name]())
