"""Keeping warm: which models should be loaded now, which of them fit together, and when one that had to go comes back.

A model is declared warm by its profile (`preload`), by a window of the week that is open, or by demand: this hour of
the week has usually brought requests for it. Of all that should be warm, the solver says what fits together; the rest is told why.
"""

from collections.abc import Collection, Iterable, Mapping

from hostd.domain.lifecycle import State
from hostd.planning.warm_set.load_option import LoadOption
from hostd.planning.warm_set.solver import choose_warm_set
from hostd.planning.warm_set.value import WarmCandidate
from hostd.scheduling.decision_context import DecisionContext
from hostd.scheduling.memory_admission import MemoryAdmission
from hostd.scheduling.model_state import ModelState

USUAL = 1.0
"""Requests an hour from which demand alone makes a model worth having warm."""

COME_BACK = 30.0
"""Seconds between two looks at whether a model that had to go may come back."""


MOST_STEPS = 8_000
"""Steps of search for a plan: the desk decides between two requests, and an hour's plan may be good without being proved."""

_PRESENCE = 1.0
"""Seconds of waiting in an hour by which a model that is there is worth more: among equals, nobody is loaded for another."""

_PLENTY = 1 << 62
_AWAY = (State.COLD, State.SLEEPING)


class WarmSetPolicy:
    """Knows the declared set, and the plan: what of it fits together and how."""

    def __init__(self, models: Mapping[str, ModelState], turn: DecisionContext, free: MemoryAdmission) -> None:
        self._models = models
        self._context = turn
        self._room = free
        self._windows: frozenset[str] = frozenset()
        self.proved = True
        self.left_out: dict[str, str] = {}

    def calendar(self, windows: frozenset[str], demand: Mapping[str, float]) -> list[ModelState]:
        """Take in the hour: the models that a window wants, and the requests an hour that each may expect; see `plan`."""
        self._windows = windows
        self._room.demand = dict(demand)
        return self.plan()

    def reason(self, model: ModelState) -> str | None:
        """Return why *model* should be warm now: ``preload``, ``window`` or ``demand``; None where it need not be."""
        name = model.profile.name
        if model.removed:
            return None
        if model.profile.warm.preload:
            return "preload"
        if name in self._windows:
            return "window"
        return "demand" if self._room.demand.get(name, 0.0) >= USUAL else None

    def stays(self, model: ModelState) -> bool:
        """Return whether *model* stays loaded however long nobody asks for it."""
        if model.profile.warm.pinned or model.profile.name in self._windows:
            return True
        return model.profile.name in self._room.declared and self.reason(model) == "demand"

    def idle_limit(self, model: ModelState) -> float:
        """Return after how many idle seconds *model* is unloaded: its profile's keep_alive, or more if its last client said so.

        A hint may only prolong the stay: no client decides for all others that the next one has to wait for a load.
        """
        return max(model.profile.warm.keep_alive, model.keep_alive_hint or 0.0)

    def in_order(self) -> list[ModelState]:
        """Return the lanes of the plan, the most valuable first: pinned ones, by priority, by the cost of waits, by name."""

        def key(model: ModelState) -> tuple[bool, int, float, str]:
            warm, name = model.profile.warm, model.profile.name
            saves = self._room.demand.get(name, 0.0) * model.cold_start
            return (not warm.pinned, -warm.priority, -saves, name)

        return sorted((self._models[name] for name in self._room.declared), key=key)

    def plan(self) -> list[ModelState]:
        """Choose anew which of the models that should be warm fit together; return those that were not among them before."""
        wanted = [model for model in self._models.values() if self.reason(model)]
        before = (self._room.declared, self._room.preferred)
        if not self._room.ledger.counts:
            self._room.declared = frozenset(model.profile.name for model in wanted)
            return self._new(before[0])
        known = [model for model in wanted if model.usable]
        unmeasured = {pool: _PLENTY for model in known for option in model.usable for pool in option.needs}
        free = unmeasured | self._room.ledger.capacity
        chosen = choose_warm_set([self._wanted(model) for model in known], free, MOST_STEPS)
        self.proved = chosen.proved
        self.left_out = {each.name: each.why for each in chosen.left_out}
        # Of what nobody can foresee, the load itself will tell.
        unknown = [model.profile.name for model in wanted if not model.options]
        self._room.declared = frozenset((*chosen.options, *unknown))
        self._room.preferred = dict(chosen.options)
        if before != (self._room.declared, self._room.preferred):
            self._tell(wanted)
        return self._new(before[0])

    def _new(self, before: Collection[str]) -> list[ModelState]:
        return [model for model in self.in_order() if model.profile.name not in before]

    def missing(self) -> Iterable[ModelState]:
        """Yield the lanes of the plan that are not there and that nobody has sent away, the most valuable first."""
        return (
            model for model in self.in_order() if model.evicted and model.state in _AWAY and model.pending_load is None
        )

    def went(self, model: ModelState) -> None:
        """Note that a model of the plan had to go: it comes back when there is room in quiet times."""
        if model.profile.name in self._room.declared:
            model.evicted = True
            if ("return", "") not in self._context.deadlines:
                self._context.deadlines.set(("return", ""), self._context.now + COME_BACK)

    def come_back(self) -> None:
        """Bring back what had to go, as far as there is room for it without anybody's harm; look again later for the rest."""
        missing = list(self.missing())
        for model in missing:
            if self._room.may_fit(model, "return"):
                self._room.request(model, "return")
        if missing:
            self._context.deadlines.set(("return", ""), self._context.now + COME_BACK)

    def _wanted(self, model: ModelState) -> WarmCandidate:
        warm, demand = model.profile.warm, self._room.demand.get(model.profile.name, 0.0)
        if model.state in (State.READY, State.LOADING):
            demand += _PRESENCE / max(_PRESENCE, model.cold_start)
        return WarmCandidate(model.profile.name, model.usable, warm.priority, warm.pinned, demand, model.cold_start)

    def _tell(self, wanted: Iterable[ModelState]) -> None:
        preferred: Mapping[str, LoadOption] = self._room.preferred
        for model in wanted:
            name = model.profile.name
            if (option := preferred.get(name)) is not None:
                self._context.explain(
                    "plan", model, None, warm=True, why=self.reason(model), variant=option.label, needs=option.needs
                )
            elif name in self.left_out:
                self._context.explain("plan", model, None, warm=False, why=self.left_out[name])
