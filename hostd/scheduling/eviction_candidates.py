"""The models that may be evicted, with what that costs and frees and when it may be."""

from collections.abc import Iterator, Mapping, Sequence

from hostd.domain.lifecycle import State
from hostd.planning.warm_set.eviction import EvictionCandidate
from hostd.scheduling.decision_context import DecisionContext
from hostd.scheduling.eviction_timing import evictable_at, eviction_cost
from hostd.scheduling.memory_ledger import MemoryLedger, ReservationState
from hostd.scheduling.model_state import ModelState
from hostd.scheduling.pending_load import LoadPriority, PendingLoad
from hostd.scheduling.warm_policy import WarmSetPolicy
from hostd.scheduling.weighed_model import WeighedModel

_RELEASED = (ReservationState.SLEEPING, ReservationState.STOPPING, ReservationState.RELEASED)
"""Memory that is being released counts as returning already: evicting for it once more frees nothing."""


class EvictionCandidates:
    """Finds the candidates of one moment; it decides nothing and changes nothing."""

    def __init__(
        self,
        models: Mapping[str, ModelState],
        context: DecisionContext,
        ledger: MemoryLedger,
        warm_policy: WarmSetPolicy,
    ) -> None:
        self._models = models
        self._context = context
        self._ledger = ledger
        self._warm_policy = warm_policy

    def for_load(self, model: ModelState, pending: PendingLoad) -> list[EvictionCandidate]:
        """Return every model that may ever be evicted for the load of *model*."""
        waited_for = pending.priority is LoadPriority.WAITED_FOR
        found = []
        for other in self._unpinned():
            if other is model or (not waited_for and other.name in self._warm_policy.declared):
                continue
            cost = self.cost(other, self._context.now)
            at = evictable_at(other, pending, model, self._context.now)
            if at is not None or waited_for:
                found.append(EvictionCandidate(other.name, cost, self._ledger.held(other.name), at))
        return found

    def by_hand(self, now: float) -> Iterator[EvictionCandidate]:
        """Yield the models that may be evicted for a load by hand: idle ones at once, others after an event."""
        for model in self._unpinned():
            at_once = model.state is State.SLEEPING or (model.state is State.READY and model.idle)
            held = self._ledger.held(model.name)
            yield EvictionCandidate(model.name, self.cost(model, now), held, now if at_once else None)

    def cost(self, model: ModelState, now: float) -> float:
        """Return what evicting *model* at *now* is expected to cost (seconds)."""
        policy = self._warm_policy
        return eviction_cost(model, now, policy.demand, declared=model.name in policy.declared)

    def now(self, candidates: Sequence[EvictionCandidate]) -> list[EvictionCandidate]:
        """Return those of *candidates* that may be evicted now."""
        now = self._context.now
        return [each for each in candidates if each.evictable_at is not None and each.evictable_at <= now]

    def weighed(self, candidates: Sequence[EvictionCandidate]) -> tuple[WeighedModel, ...]:
        """Return *candidates* as decisions tell of them."""
        return tuple(self._weighed(each, self._models[each.name]) for each in candidates)

    def pinned(self) -> tuple[str, ...]:
        """Return the names of the models that hold memory and are never evicted."""
        return tuple(model.name for model in self._models.values() if self._holds(model) and model.profile.warm.pinned)

    def _unpinned(self) -> Iterator[ModelState]:
        for model in self._models.values():
            released = self._ledger.state(model.name) in _RELEASED
            if self._holds(model) and not model.profile.warm.pinned and not released:
                yield model

    def _holds(self, model: ModelState) -> bool:
        return any(self._ledger.held(model.name).values())

    def _weighed(self, each: EvictionCandidate, model: ModelState) -> WeighedModel:
        free_in = None if each.evictable_at is None else max(0.0, each.evictable_at - self._context.now)
        in_flight, queued = len(model.serving), len(model.queue)
        reread = model.seconds_to_read_again
        return WeighedModel(model.name, each.cost, free_in, model.state, in_flight, queued, dict(each.bytes), reread)
