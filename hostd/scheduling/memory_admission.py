"""Admission of loads: which pending load gets its memory, which models are evicted for it, and which has to wait how long.

Theory of operation. Every load begins as a `PendingLoad`. It is checked first (`RunPreflight`: do its files and flags make
sense, and how much memory is free now?), so that a load that must fail evicts no model. Then it is looked at again whenever
memory changes hands: it begins as soon as one of its options fits beside everything that is promised, earlier loads included.
If none does, the cheapest sufficient set of models is evicted; those that may not be yet (`eviction_timing.evictable_at`) are
waited for, and one that is busy then is closed to new requests and answers those that it has. Loads are looked at by priority,
those that can be in time first, then by age (`eviction_timing.load_order`), so that none waits for ever.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from math import inf

from hostd.domain.lifecycle import State
from hostd.planning.warm_set.elastic import with_shares
from hostd.planning.warm_set.eviction import EvictionCandidate, LoadPlan, best_load
from hostd.planning.warm_set.load_option import Bytes, LoadOption, excess, plus
from hostd.scheduling import refusal_errors
from hostd.scheduling.decision_context import DecisionContext
from hostd.scheduling.effects import RunPreflight
from hostd.scheduling.engine_commands import EngineCommands
from hostd.scheduling.eviction_candidates import EvictionCandidates
from hostd.scheduling.eviction_timing import has_first_call, late_requests, load_order
from hostd.scheduling.memory_ledger import MemoryLedger, ReservationState
from hostd.scheduling.model_decisions import Evicted, InsufficientMemory, LoadDeferred, MemoryGranted, WaitingForMemory
from hostd.scheduling.model_state import ModelState
from hostd.scheduling.pending_load import EndedLoad, LoadPriority, PendingLoad
from hostd.scheduling.warm_policy import WarmSetPolicy

_WAITING_CHANGED = 1.0
"""Seconds by which the expected end of a wait must have moved to be explained again."""


class MemoryAdmission:
    """Owns the pending loads, and promises memory to them in the ledger."""

    def __init__(
        self,
        models: Mapping[str, ModelState],
        context: DecisionContext,
        ledger: MemoryLedger,
        warm_policy: WarmSetPolicy,
        commands: EngineCommands,
    ) -> None:
        self._models = models
        self._context = context
        self._ledger = ledger
        self._warm_policy = warm_policy
        self.candidates = EvictionCandidates(models, context, ledger, warm_policy)
        self._commands = commands
        self._pending: dict[str, PendingLoad] = {}
        self.pending: Collection[PendingLoad] = self._pending.values()
        """The loads that wait for their memory, at any time."""
        self._reported_short: dict[str, tuple[str, Bytes]] = {}
        self._stale = False
        self.cards_closed = False
        """Whether loads on cards wait: the machine is about to sleep."""

    def request(self, model: ModelState, why: str) -> None:
        """Have *model* loaded as soon as there is memory; at once where no memory is counted."""
        if model.options_known and not self._ledger.counts:
            self._commands.start(model, None, why)
            return
        pending = PendingLoad(model.name, why, self._context.now)
        earlier = model.pending_load
        if earlier is not None:
            if pending.priority >= earlier.priority:
                # Should the requests that wait for it leave, the load goes on for the other reason.
                if earlier.why == "request" != why:
                    earlier.earlier_why = earlier.earlier_why or why
                return
            pending = replace(earlier, why=why, earlier_why=earlier.why)
        # The age stays that of the first reason: a request that joins must not send the load back to the end of the line.
        model.pending_load = self._pending[model.name] = pending
        self._stale = True
        if earlier is None and model.options_known:
            self._begin_with_check(model, pending)

    def options_found(self, model: ModelState) -> None:
        """Begin with the load that has waited for the options of *model*, if there is one."""
        pending = model.pending_load
        if pending is not None and pending.checking is None and not pending.checked:
            if pending.why == "request" and not model.queue:
                self.withdraw(model)
            elif self._ledger.counts:
                self._begin_with_check(model, pending)
            else:
                self.drop(model)
                self._commands.start(model, None, pending.why)
        self._stale = True

    def _begin_with_check(self, model: ModelState, pending: PendingLoad) -> None:
        options = self.options(model)
        # Its files were read when it was loaded, and its flags were understood.
        if model.state is State.SLEEPING and options:
            pending.checked.add(options[0].variant)
        elif options:
            self._check(pending, options[0])
        else:
            # What it takes is not known: its engine will say why it cannot be loaded, or is measured when it runs.
            self.drop(model)
            self._commands.start(model, None, pending.why)

    def _check(self, pending: PendingLoad, option: LoadOption) -> None:
        pending.checking = option
        self._context.effects.append(RunPreflight(pending.model, option))

    def preflight_passed(self, model: ModelState) -> None:
        """Note that nothing speaks against the option that was checked, but perhaps the memory."""
        if model.pending_load is not None and model.pending_load.checking is not None:
            model.pending_load.checked.add(model.pending_load.checking.variant)
            model.pending_load.checking = None
            self._stale = True

    def drop(self, model: ModelState) -> tuple[str, ...]:
        """Give a pending load up and return the models that were to be evicted for it."""
        pending = self._pending.pop(model.name, None)
        model.pending_load = None
        self._context.deadlines.cancel(("memory", model.name))
        self._stale = True
        return pending.victims if pending else ()

    def changed(self) -> None:
        """Note that memory has changed hands, or that a model has become idle: pending loads are to be looked at."""
        self._stale = True

    def advance(self) -> list[EndedLoad]:
        """Look at every pending load in its turn; return those that are over without having begun."""
        ended: list[EndedLoad] = []
        while self._stale:
            self._stale = False
            # Bytes by pool that are kept for loads before the one that is looked at.
            ahead: dict[str, int] = {}
            for pending in sorted(self._pending.values(), key=self._order):
                model = self._models[pending.model]
                unready = pending.checking is not None or model.state is State.STOPPING or not model.options_known
                if unready or (self.cards_closed and model.cards):
                    continue
                if (end := self._look_at(model, pending, ahead)) is not None:
                    ended.append(end)
                elif model.pending_load is not pending or pending.option is None:
                    pass
                elif has_first_call(pending, model, self._context.now):
                    for pool, count in pending.option.peak.items():
                        ahead[pool] = ahead.get(pool, 0) + count
        return ended

    def _order(self, pending: PendingLoad) -> tuple[int, bool, float, str]:
        return load_order(pending, self._models[pending.model], self._context.now)

    def _look_at(self, model: ModelState, pending: PendingLoad, ahead: Bytes) -> EndedLoad | None:
        """Take a pending load as far as is possible now, *ahead* being kept for others; return its end where it will not begin."""
        if pending.why == "request" and not model.queue:
            if pending.earlier_why is None:
                self.withdraw(model)
                return EndedLoad(model.name)
            pending.why, pending.earlier_why = pending.earlier_why, None
        free = {pool: count - ahead.get(pool, 0) for pool, count in self._free_for(model).items()}
        options = self.options(model)
        why_not: str | None = None
        if not options:
            why_not = model.last_error or "none of its variants can be had"
        elif self._waits_for_victims(pending):
            # Memory may become free in another way meanwhile; but no more models are evicted before these have gone.
            if pending.option is not None and not excess(pending.option.peak, free):
                self._grant(model, pending, pending.option, free)
        else:
            why_not = self._decide(model, pending, options, free)
        if why_not is None:
            return None
        self.drop(model)
        return EndedLoad(model.name, why_not)

    def withdraw(self, model: ModelState) -> None:
        """Give a pending load up; models that were to be evicted for it and still answer requests are kept."""
        for name in self.drop(model):
            # Another load may count on the same memory.
            wanted = any(name in pending.victims for pending in self._pending.values())
            victim = self._models.get(name)
            if victim is not None and victim.closed_to_new_since is not None and not wanted:
                self._commands.keep(victim)

    def _waits_for_victims(self, pending: PendingLoad) -> bool:
        victims = [self._models[name] for name in pending.victims if name in self._models]
        return any(each.closed_to_new_since is not None or each.state is State.STOPPING for each in victims)

    def _decide(
        self, model: ModelState, pending: PendingLoad, options: Sequence[LoadOption], free: Bytes
    ) -> str | None:
        candidates, now = self.candidates.for_load(model, pending), self._context.now
        plan = best_load(options, plus(free, self._ledger.returning()), candidates, now)
        if plan is not None and plan.at <= now:
            if plan.option.variant in pending.checked:
                self._carry_out(model, pending, plan, candidates, free)
            else:
                self._check(pending, plan.option)
        elif pending.priority is not LoadPriority.WAITED_FOR:
            return self._deferred(pending, options, self.candidates.now(candidates), free)
        elif plan is not None:
            self._wait(model, pending, plan, candidates, free)
        else:
            return self._insufficient(model, options, candidates)
        return None

    def _carry_out(
        self,
        model: ModelState,
        pending: PendingLoad,
        plan: LoadPlan,
        candidates: Sequence[EvictionCandidate],
        free: Bytes,
    ) -> None:
        """Begin the load of *plan*, or evict the models that it names."""
        pending.option = plan.option
        self._context.deadlines.cancel(("memory", pending.model))
        if not excess(plan.option.peak, free):
            self._grant(model, pending, plan.option, free)
            return
        # Those of before stay listed, so that `withdraw` knows which models may be kept.
        pending.victims = (*pending.victims, *(each.name for each in plan.evict))
        soon, weighed = plus(free, self._ledger.returning()), self.candidates.weighed(candidates)
        for each in plan.evict:
            victim = self._models[each.name]
            self._context.explain(
                Evicted(
                    victim.name,
                    for_model=pending.model,
                    why=pending.why,
                    cost_s=each.cost,
                    needs=plan.option.peak,
                    free=free,
                    free_soon=soon,
                    candidates=weighed,
                    in_flight=len(victim.serving),
                )
            )
            self._warm_policy.evicted(victim)
            self._commands.unload_for(victim)

    def _wait(
        self,
        model: ModelState,
        pending: PendingLoad,
        plan: LoadPlan,
        candidates: Sequence[EvictionCandidate],
        free: Bytes,
    ) -> None:
        """Let a load wait until the models of its plan may be evicted."""
        pending.option = plan.option
        until = None if plan.at == inf else plan.at - self._context.now
        if until is not None:
            self._context.deadlines.set(("memory", pending.model), plan.at)
        if pending.reported_at is not None and abs(plan.at - pending.reported_at) <= _WAITING_CHANGED:
            return
        pending.reported_at = plan.at
        self._context.explain(
            WaitingForMemory(
                model.name,
                why=pending.why,
                variant=plan.option.label,
                needs=plan.option.peak,
                free=free,
                until_s=until,
                victims=tuple(each.name for each in plan.evict),
                candidates=self.candidates.weighed(candidates),
                queued=len(model.queue),
                late=late_requests(model, self._context.now),
            )
        )

    def _insufficient(
        self, model: ModelState, options: Sequence[LoadOption], candidates: Sequence[EvictionCandidate]
    ) -> str | None:
        # What is kept for earlier loads may be had after them: only what is short even then is short for good.
        free = self._free_for(model)
        option, short = refusal_errors.nearest(options, plus(free, self._ledger.returning()), candidates)
        if not short:
            return None
        pinned = self.candidates.pinned()
        self._context.explain(InsufficientMemory(model.name, option.peak, free, short, pinned))
        return refusal_errors.insufficient_memory(short, pinned, self._ledger.others, self._ledger.capacity)

    def _deferred(
        self, pending: PendingLoad, options: Sequence[LoadOption], evictable: Sequence[EvictionCandidate], free: Bytes
    ) -> str:
        """Return why a load that no request waits for is put off; the same numbers are explained once."""
        option, short = refusal_errors.nearest(options, plus(free, self._ledger.returning()), evictable)
        if self._reported_short.get(pending.model) != (pending.why, short):
            self._reported_short[pending.model] = (pending.why, short)
            self._context.explain(LoadDeferred(pending.model, pending.why, option.label, option.peak, free, short))
        return refusal_errors.load_deferred(short, self._ledger.others)

    def may_fit(self, model: ModelState, why: str) -> bool:
        """Return whether there would be memory for a load by what is known now, so that it is worth a check."""
        evictable = self.candidates.now(
            self.candidates.for_load(model, PendingLoad(model.name, why, self._context.now))
        )
        soon = plus(self._free_for(model), self._ledger.returning())
        return not model.usable or not refusal_errors.nearest(model.usable, soon, evictable)[1]

    def _free_for(self, model: ModelState) -> dict[str, int]:
        """Return what may be promised to *model*: what it keeps while it sleeps is its own."""
        asleep = model.state is State.SLEEPING and self._ledger.state(model.name) is ReservationState.WARM
        return plus(self._ledger.free(), self._ledger.held(model.name)) if asleep else self._ledger.free()

    def _grant(self, model: ModelState, pending: PendingLoad, option: LoadOption, free: Bytes) -> None:
        self.drop(model)
        option = self._with_shares(model, option, free)
        self._reported_short.pop(pending.model, None)
        self._ledger.reserve(pending.model, option)
        self._context.explain(
            MemoryGranted(
                model.name,
                why=pending.why,
                variant=option.label,
                needs=option.peak,
                free=free,
                waited_s=self._context.now - pending.since,
                evicted=pending.victims,
            )
        )
        self._commands.start(model, option, pending.why)

    def _with_shares(self, model: ModelState, option: LoadOption, free: Bytes) -> LoadOption:
        """Return *option* with its shares of what no other model is going to need; the most wanted of them come first."""
        others, taken = list[LoadOption](), list[LoadOption]()
        for each in self._warm_policy.most_wanted_first():
            if each is model or each.removed:
                continue
            if self._ledger.held(each.name):
                taken += [each.option] if each.option is not None else []
            else:
                others += self.options(each)[:1]
        left = {pool: count - option.peak.get(pool, 0) for pool, count in free.items()}
        return with_shares(option, left, others, taken)

    def options(self, model: ModelState) -> list[LoadOption]:
        """Return the usable options of a model, the one that the warm set has for it first."""
        preferred = self._warm_policy.preferred.get(model.name)
        return sorted(model.usable, key=lambda option: option != preferred)
