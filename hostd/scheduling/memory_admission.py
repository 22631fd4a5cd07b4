"""Memory admission: which load starts, which models are evicted for it, and which loads wait.

Theory of operation. Every load begins as a `PendingLoad`. It is checked first (`RunPreflight`: its files, its flags, and the
memory free now), so that a load that must fail evicts nothing. Then it is decided again whenever memory changes: it starts as
soon as one of its options fits beside every reservation, earlier pending loads included. If none fits, the cheapest sufficient
set of models is evicted; a model that may not be evicted yet (`evictable_at`) is waited for, and while it is busy it is closed
to new requests and finishes those in flight. Pending loads are taken by priority, then by age, so none starves.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from hostd.domain.lifecycle import State
from hostd.planning.warm_set.eviction import EvictionCandidate, LoadPlan, best_load
from hostd.planning.warm_set.load_option import Bytes, LoadOption, excess, plus
from hostd.scheduling import messages
from hostd.scheduling.decision_context import DecisionContext
from hostd.scheduling.effects import RunPreflight
from hostd.scheduling.eviction import LONGEST_RESIDENCY, evictable_at, eviction_cost
from hostd.scheduling.memory_ledger import MemoryLedger, ReservationState
from hostd.scheduling.model_state import ModelState
from hostd.scheduling.pending_load import LoadPriority, PendingLoad

_WAITING_CHANGED = 1.0
"""Seconds by which the expected end of a wait must have moved to be told again."""


class Loads(NamedTuple):
    """What the engines' half does for claims: *begin* a load, have a model *go*, let one *stay* after all, *forgo* a load."""

    begin: Callable[[ModelState, LoadOption | None, str], None]
    go: Callable[[ModelState], None]
    stay: Callable[[ModelState], None]
    forgo: Callable[[ModelState], None]


class MemoryAdmission:
    """Owns the claims, and writes to the ledger together with the engines' half."""

    def __init__(
        self, models: Mapping[str, ModelState], turn: DecisionContext, ledger: MemoryLedger, loads: Loads
    ) -> None:
        self.ledger = ledger
        self.demand: Mapping[str, float] = {}
        self.declared: Collection[str] = frozenset()
        self.preferred: Mapping[str, LoadOption] = {}
        self._models = models
        self._context = turn
        self._loads = loads
        self._pending: dict[str, PendingLoad] = {}
        self._reported_short: dict[str, tuple[str, Bytes]] = {}
        self._stale = False

    @property
    def pending(self) -> Collection[PendingLoad]:
        """The loads that wait for their room."""
        return self._pending.values()

    def request(self, model: ModelState, why: str) -> None:
        """Have *model* loaded as soon as there is room; at once where no memory is counted."""
        if model.options_known and not self.ledger.counts:
            self._loads.begin(model, None, why)
            return
        pending = PendingLoad(model.profile.name, why, self._context.now)
        old = model.pending_load
        if old is not None:
            if pending.priority >= old.priority:
                old.first = old.first or (why if old.why == "request" and why != "request" else None)
                return
            pending = replace(old, why=why, first=old.why)
        model.pending_load = self._pending[pending.model] = pending
        self._stale = True
        if old is None and model.options_known:
            self._begin_with_check(model, pending)

    def options_found(self, model: ModelState) -> None:
        """Begin with the load that has waited for the options of *model*, if there is one."""
        pending = model.pending_load
        if pending is not None and pending.asked is None and not pending.checked:
            if pending.why == "request" and not model.queue:
                self.withdraw(model)
            elif self.ledger.counts:
                self._begin_with_check(model, pending)
            else:
                self.drop(model)
                self._loads.begin(model, None, pending.why)
        self._stale = True

    def _begin_with_check(self, model: ModelState, pending: PendingLoad) -> None:
        options = self.options(model)
        if model.state is State.SLEEPING and options:
            pending.checked.add(options[0].variant)
        elif options:
            self._check(pending, options[0])
        else:
            # Nobody knows what it takes: its engine will tell why it cannot be had, or be measured when it runs.
            self.drop(model)
            self._loads.begin(model, None, pending.why)

    def _check(self, pending: PendingLoad, option: LoadOption) -> None:
        pending.asked = option
        self._context.effects.append(RunPreflight(pending.model, option))

    def preflight_passed(self, model: ModelState) -> None:
        """Note that nothing speaks against what was checked but the memory."""
        if model.pending_load is not None and model.pending_load.asked is not None:
            model.pending_load.checked.add(model.pending_load.asked.variant)
            model.pending_load.asked = None
            self._stale = True

    def drop(self, model: ModelState) -> tuple[str, ...]:
        """Give a claim up and return the models that were to go for it."""
        pending = self._pending.pop(model.profile.name, None)
        model.pending_load = None
        self._context.deadlines.cancel(("room", model.profile.name))
        self._stale = True
        return pending.victims if pending else ()

    def changed(self) -> None:
        """Note that memory has changed hands, or that somebody has become idle: the claims are to be seen to."""
        self._stale = True

    def advance(self) -> list[tuple[ModelState, str]]:
        """See to every claim in its turn; return the lanes that cannot have any, each with a sentence why."""
        refused: list[tuple[ModelState, str]] = []
        while self._stale:
            self._stale = False
            ahead: dict[str, int] = {}
            for pending in sorted(
                self._pending.values(), key=lambda pending: (pending.priority, pending.since, pending.model)
            ):
                model = self._models[pending.model]
                if pending.asked is not None or model.state is State.STOPPING or not model.options_known:
                    continue
                if why_not := self._see_to(model, pending, ahead):
                    self.drop(model)
                    refused.append((model, why_not))
                elif model.pending_load is pending and pending.option is not None and self._has_first_call(pending):
                    for pool, count in pending.option.peak.items():
                        ahead[pool] = ahead.get(pool, 0) + count
        return refused

    def _has_first_call(self, pending: PendingLoad) -> bool:
        """Whether what comes free is kept for *pending*: somebody goes for it already, or it has waited long enough."""
        return bool(pending.victims) or self._context.now - pending.since >= LONGEST_RESIDENCY

    def _see_to(self, model: ModelState, pending: PendingLoad, ahead: Bytes) -> str | None:
        """Take a claim as far as it goes now; return why it cannot be met at all."""
        if pending.why == "request" and not model.queue:
            if pending.first is None:
                self.withdraw(model)
                return None
            pending.why, pending.first = pending.first, None
        free = {pool: count - ahead.get(pool, 0) for pool, count in self._free_for(model).items()}
        options = self.options(model)
        if not options:
            return model.last_error or "none of its variants can be had"
        if self._waits_for_victims(pending):
            self._wait_on(model, pending, free)
            return None
        return self._decide(model, pending, options, free)

    def withdraw(self, model: ModelState) -> None:
        """Give up the claim of those who have all left; who was to go for it and still answers somebody, stays."""
        for name in self.drop(model):
            wanted = any(name in pending.victims for pending in self._pending.values())
            victim = self._models.get(name)
            if victim is not None and victim.closed_to_new_since is not None and not wanted:
                self._loads.stay(victim)
        self._loads.forgo(model)

    def _waits_for_victims(self, pending: PendingLoad) -> bool:
        victims = [self._models[name] for name in pending.victims if name in self._models]
        return any(model.closed_to_new_since is not None or model.state is State.STOPPING for model in victims)

    def _wait_on(self, model: ModelState, pending: PendingLoad, free: Bytes) -> None:
        if pending.option is not None and not excess(pending.option.peak, free):
            self._start(model, pending, pending.option, free)

    def _decide(
        self, model: ModelState, pending: PendingLoad, options: Sequence[LoadOption], free: Bytes
    ) -> str | None:
        soon = plus(free, self.ledger.returning())
        candidates = self._candidates(model, pending)
        plan = best_load(options, soon, candidates, self._context.now)
        if plan is not None and plan.at <= self._context.now:
            if plan.option.variant in pending.checked:
                self._admit(model, pending, plan, candidates, free)
            else:
                self._check(pending, plan.option)
            return None
        if pending.priority is not LoadPriority.WAITED_FOR:
            return self._deferred(pending, options, self._ready(candidates), free)
        if plan is not None:
            self._wait_for_evictable(model, pending, plan, candidates, free)
            return None
        return self._insufficient(model, options, candidates)

    def _admit(
        self,
        model: ModelState,
        pending: PendingLoad,
        plan: LoadPlan,
        candidates: Sequence[EvictionCandidate],
        free: Bytes,
    ) -> None:
        option = pending.option = plan.option
        self._context.deadlines.cancel(("room", pending.model))
        if not excess(option.peak, free):
            self._start(model, pending, option, free)
            return
        pending.victims = (*pending.victims, *(each.name for each in plan.evict))
        soon, told = plus(free, self.ledger.returning()), self._described(candidates)
        for each in plan.evict:
            victim = self._models[each.name]
            self._context.explain(
                "evict",
                victim,
                None,
                **{"for": pending.model},
                why=pending.why,
                cost_s=round(each.cost, 2),
                needs=option.peak,
                free=dict(free),
                soon=soon,
                candidates=told,
                in_flight=len(victim.serving),
            )
            self._loads.go(victim)

    def _wait_for_evictable(
        self,
        model: ModelState,
        pending: PendingLoad,
        plan: LoadPlan,
        candidates: Sequence[EvictionCandidate],
        free: Bytes,
    ) -> None:
        """Let a load wait until the models of its plan may be evicted."""
        pending.option = plan.option
        wait = None if plan.at == float("inf") else round(plan.at - self._context.now, 1)
        if wait is not None:
            self._context.deadlines.set(("room", pending.model), plan.at)
        if pending.reported_at is None or abs(plan.at - pending.reported_at) > _WAITING_CHANGED:
            pending.reported_at = plan.at
            self._context.explain(
                "wait_room",
                model,
                None,
                why=pending.why,
                variant=plan.option.label,
                needs=plan.option.peak,
                free=dict(free),
                until_s=wait,
                goes=[each.name for each in plan.evict],
                candidates=self._described(candidates),
                queued=len(model.queue),
            )

    def _insufficient(
        self, model: ModelState, options: Sequence[LoadOption], candidates: Sequence[EvictionCandidate]
    ) -> str | None:
        # What is kept for the claims before this one may be had after them.
        free = self._free_for(model)
        nearest, short = messages.nearest(options, plus(free, self.ledger.returning()), candidates)
        if not short:
            return None
        holding = (other.profile for other in self._models.values() if self._holds(other))
        pinned = [profile.name for profile in holding if profile.warm.pinned]
        self._context.explain("no_room", model, None, needs=nearest.peak, free=free, short=short, pinned=pinned)
        return messages.too_little(short, pinned, self.ledger.others, self.ledger.capacity)

    def _deferred(
        self, pending: PendingLoad, options: Sequence[LoadOption], ready: Sequence[EvictionCandidate], free: Bytes
    ) -> str:
        """Say why a load that nobody waits for has to wait for quieter times; the same numbers are told once."""
        nearest, short = messages.nearest(options, plus(free, self.ledger.returning()), ready)
        if self._reported_short.get(pending.model) != (pending.why, short):
            self._reported_short[pending.model] = (pending.why, short)
            numbers = {
                "why": pending.why,
                "variant": nearest.label,
                "needs": nearest.peak,
                "free": free,
                "short": short,
            }
            self._context.explain("no_room", self._models[pending.model], None, **numbers)
        return messages.not_now(short, self.ledger.others)

    def may_fit(self, model: ModelState, why: str) -> bool:
        """Return whether there would be room for a load by what is known now, so that it is worth a check."""
        ready = self._ready(self._candidates(model, PendingLoad(model.profile.name, why, self._context.now)))
        soon = plus(self._free_for(model), self.ledger.returning())
        return not model.usable or not messages.nearest(model.usable, soon, ready)[1]

    def _ready(self, candidates: Sequence[EvictionCandidate]) -> list[EvictionCandidate]:
        return [each for each in candidates if each.evictable_at is not None and each.evictable_at <= self._context.now]

    def _free_for(self, model: ModelState) -> dict[str, int]:
        """Return what may be promised to *model*: what it keeps while it sleeps is its own."""
        name = model.profile.name
        asleep = model.state is State.SLEEPING and self.ledger.state(name) is ReservationState.WARM
        return plus(self.ledger.free(), self.ledger.held(name)) if asleep else self.ledger.free()

    def _start(self, model: ModelState, pending: PendingLoad, option: LoadOption, free: Bytes) -> None:
        self.drop(model)
        self._reported_short.pop(pending.model, None)
        self.ledger.reserve(pending.model, option)
        waited = self._context.now - pending.since
        self._context.explain(
            "room",
            model,
            None,
            why=pending.why,
            variant=option.label,
            needs=option.peak,
            free=dict(free),
            waited_s=round(waited, 2),
            evicted=list(pending.victims),
        )
        self._loads.begin(model, option, pending.why)

    def _candidates(self, model: ModelState, pending: PendingLoad) -> list[EvictionCandidate]:
        """Return every model that holds memory and may ever go for *pending*, with what its going costs and when it may."""
        found = []
        for other in self._evictable():
            name = other.profile.name
            if other is model:
                continue
            if pending.priority is not LoadPriority.WAITED_FOR and name in self.declared:
                continue
            cost = self.eviction_cost(other)
            at = evictable_at(other, pending, model, self._context.now, cost)
            if at is None and pending.priority is not LoadPriority.WAITED_FOR:
                continue
            found.append(EvictionCandidate(name, cost, self.ledger.held(name), at))
        return found

    def _evictable(self) -> Iterator[ModelState]:
        """Yield the models that hold memory and are not pinned; memory that is being released counts as returning already."""
        released = (ReservationState.SLEEPING, ReservationState.STOPPING, ReservationState.RELEASED)
        for model in self._models.values():
            stays = model.profile.warm.pinned or self.ledger.state(model.profile.name) in released
            if self._holds(model) and not stays:
                yield model

    def evictable(self, now: float) -> Iterator[EvictionCandidate]:
        """Yield the models that may be evicted for a load that the owner asks for: idle ones at once, others after an event."""
        for model in self._evictable():
            name = model.profile.name
            cost = eviction_cost(model, now, self.demand, declared=name in self.declared)
            at_once = model.state is State.SLEEPING or (model.state is State.READY and model.idle)
            yield EvictionCandidate(name, cost, self.ledger.held(name), now if at_once else None)

    def eviction_cost(self, model: ModelState) -> float:
        """Return what the going of *model* is expected to cost now (seconds)."""
        return eviction_cost(model, self._context.now, self.demand, declared=model.profile.name in self.declared)

    def _holds(self, model: ModelState) -> bool:
        return any(self.ledger.held(model.profile.name).values())

    def _described(self, candidates: Sequence[EvictionCandidate]) -> list[dict[str, object]]:
        return [messages.told(each, self._models[each.name], self._context.now) for each in candidates]

    def options(self, model: ModelState) -> list[LoadOption]:
        """Return the choices of a lane, the one that the plan has for it first."""
        preferred = self.preferred.get(model.profile.name)
        return sorted(model.usable, key=lambda option: option != preferred)
