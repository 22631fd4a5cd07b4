"""The warm set: which models should be loaded now, which of them fit together, and which are to be loaded again.

A model should be warm by its profile (`preload`), by a window of the week that is open, or by demand: this hour of
the week has usually brought requests for it. Of all that should be warm, the solver says what fits together; for each of the rest
the reason is told.
"""

from collections.abc import Collection, Iterable, Mapping

from hostd.domain.lifecycle import State
from hostd.planning.warm_set.load_option import LoadOption
from hostd.planning.warm_set.solver import choose_warm_set
from hostd.planning.warm_set.value import WarmCandidate
from hostd.scheduling.decision_context import DecisionContext
from hostd.scheduling.memory_ledger import MemoryLedger
from hostd.scheduling.model_decisions import WarmPlanned
from hostd.scheduling.model_state import ModelState

USUAL = 1.0
"""Requests an hour from which demand alone makes a model worth having warm."""

RETURN_EVERY = 30.0
"""Seconds between two looks at whether an evicted model of the warm set can be loaded again."""

MOST_STEPS = 8_000
"""Steps of search for a plan: the scheduler decides between two requests, and an hour's plan may be good without being proved."""

_PRESENCE = 1.0
"""Seconds of waiting in an hour by which a loaded model is worth more: among equals, none is loaded in place of another."""


class WarmSetPolicy:
    """Knows the warm set, as planned from the hour and the memory; nothing else writes it.

    *declared* are the names in it, *preferred* how each is to be loaded as far as that is known, *demand* the requests an hour
    that each model may expect. *left_out* says of each model that should be warm and is not in the set why. *proved* is whether
    the solver has shown that no set is worth more.
    """

    def __init__(self, models: Mapping[str, ModelState], context: DecisionContext, ledger: MemoryLedger) -> None:
        self.declared: Collection[str] = frozenset()
        self.preferred: Mapping[str, LoadOption] = {}
        self.demand: Mapping[str, float] = {}
        self.left_out: dict[str, str] = {}
        self.proved = True
        self._models = models
        self._context = context
        self._ledger = ledger
        self._windows: frozenset[str] = frozenset()
        self._told: dict[str, tuple[bool, str | None, str | None]] = {}

    def schedule_changed(self, windows: frozenset[str], demand: Mapping[str, float]) -> list[ModelState]:
        """Plan anew for an hour in which *windows* are open and models may expect *demand*; see `plan`."""
        self._windows = windows
        self.demand = dict(demand)
        return self.plan()

    def reason(self, model: ModelState) -> str | None:
        """Return why *model* should be warm now: ``preload``, ``window`` or ``demand``; None where it need not be."""
        if model.removed:
            return None
        # A cloud model takes nothing of this machine, so it is there from the start.
        if model.profile.warm.preload or model.provider is not None:
            return "preload"
        if model.name in self._windows:
            return "window"
        return "demand" if self.demand.get(model.name, 0.0) >= USUAL else None

    def stays(self, model: ModelState) -> bool:
        """Return whether *model* stays loaded however long it is idle."""
        if model.profile.warm.pinned or model.name in self._windows or model.provider is not None:
            return True
        return model.name in self.declared and self.reason(model) == "demand"

    def idle_limit(self, model: ModelState) -> float:
        """Return after how many idle seconds *model* is unloaded: its keep_alive, or more if its last client asked for it.

        A hint may only prolong the stay: no client decides for all others that the next one has to wait for a load.
        """
        own, hint = model.profile.warm.keep_alive, model.keep_alive_hint
        return own if hint is None or hint < own else hint

    def in_order(self) -> list[ModelState]:
        """Return the models of the warm set, the most valuable first: pinned ones, by priority, by the cost of waits, by name."""

        def key(model: ModelState) -> tuple[bool, int, float, str]:
            warm = model.profile.warm
            saves = self.demand.get(model.name, 0.0) * model.cold_start
            return (not warm.pinned, -warm.priority, -saves, model.name)

        return sorted((self._models[name] for name in self.declared), key=key)

    def most_wanted_first(self) -> list[ModelState]:
        """Return all models: those of the warm set, the most valuable first, then those with the most requests lately."""
        rank, now = {each.name: rank for rank, each in enumerate(self.in_order())}, self._context.now

        def key(model: ModelState) -> tuple[int, float, str]:
            return rank.get(model.name, len(rank)), -model.request_rate.rate(now), model.name

        return sorted(self._models.values(), key=key)

    def plan(self) -> list[ModelState]:
        """Choose anew which of the models that should be warm fit together; return those that were not among them before."""
        wanted = [model for model in self._models.values() if self.reason(model)]
        before = (self.declared, self.preferred)
        if not self._ledger.counts:
            self.declared = frozenset(model.name for model in wanted)
            return self._new(before[0])
        known = [model for model in wanted if model.usable]
        chosen = choose_warm_set([self._candidate(model) for model in known], self._ledger.capacity, MOST_STEPS)
        self.proved = chosen.proved
        self.left_out = {each.name: each.why for each in chosen.left_out}
        # What cannot be foreseen is taken to fit: its load will tell.
        unknown = [model.name for model in wanted if not model.options]
        self.declared = frozenset((*chosen.options, *unknown))
        self.preferred = dict(chosen.options)
        # Plans are made often, and most of them change nothing.
        if before != (self.declared, self.preferred):
            self._explain(wanted)
        return self._new(before[0])

    def _new(self, before: Collection[str]) -> list[ModelState]:
        return [model for model in self.in_order() if model.name not in before]

    def missing(self) -> list[ModelState]:
        """Return the models of the warm set that were evicted or have failed and are not on their way, the most valuable first."""
        return [model for model in self.in_order() if self._is_missing(model)]

    @staticmethod
    def _is_missing(model: ModelState) -> bool:
        if model.pending_load is not None or model.restarts.again_at is not None:
            return False
        # One that is cold without having been evicted was idle for its keep_alive, or was unloaded by hand.
        return model.state is State.FAILED or (model.evicted and model.state in (State.COLD, State.SLEEPING))

    def evicted(self, model: ModelState) -> None:
        """Note that a model was evicted, or had no memory: one of the warm set is loaded again when there is memory for it."""
        if model.name in self.declared:
            model.evicted = True
            self._set_look()

    def look_again(self) -> None:
        """Look in a while at the models of the warm set that are missing, if there are any."""
        if any(map(self._is_missing, self.in_order())):
            self._set_look()

    def _set_look(self) -> None:
        if ("return", "") not in self._context.deadlines:
            self._context.deadlines.set(("return", ""), self._context.now + RETURN_EVERY)

    def _candidate(self, model: ModelState) -> WarmCandidate:
        warm, demand = model.profile.warm, self.demand.get(model.name, 0.0)
        # Among equals the loaded one stays.
        if model.state in (State.READY, State.LOADING):
            demand += _PRESENCE / max(_PRESENCE, model.cold_start)
        return WarmCandidate(model.name, model.usable, warm.priority, warm.pinned, demand, model.cold_start)

    def _explain(self, wanted: Iterable[ModelState]) -> None:
        """Tell what of the plan is new: that a model needs a little more or less than before is not."""
        told, self._told = self._told, {}
        for model in wanted:
            if (option := self.preferred.get(model.name)) is not None:
                planned = WarmPlanned(model.name, True, self.reason(model), option.label, option.needs)
            elif model.name in self.left_out:
                planned = WarmPlanned(model.name, False, self.left_out[model.name])
            else:
                continue
            self._told[model.name] = said = (planned.warm, planned.why, planned.variant)
            if said != told.get(model.name):
                self._context.explain(planned)
