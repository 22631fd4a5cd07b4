"""Which engines run: starts, stops, restarts, the boot's loads and the end of idle models.

This half of the scheduler knows nothing of routes. Whether there is memory for a load, and which models are evicted for it, is
`memory_admission`'s decision; which models should be warm is `warm_policy`'s.
"""

from collections.abc import Iterable, Mapping

from hostd.domain.host import Pool
from hostd.domain.lifecycle import State, Transition
from hostd.domain.reason import ExitClass, FallbackReason
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.decision_context import DecisionContext
from hostd.scheduling.engine_commands import ADOPTED, EngineCommands
from hostd.scheduling.engine_failures import EngineFailures
from hostd.scheduling.events import EngineFailed, EngineReady, PreflightDone
from hostd.scheduling.memory_admission import MemoryAdmission
from hostd.scheduling.memory_ledger import MemoryLedger
from hostd.scheduling.model_decisions import ModelReady, StopCompleted, Unloaded
from hostd.scheduling.model_state import ModelState
from hostd.scheduling.preload import PreloadQueue
from hostd.scheduling.warm_policy import WarmSetPolicy

DRAIN_LIMIT = 30.0
"""Seconds that running answers get to finish before their engine is stopped all the same."""

_UNLOADED = (State.COLD, State.FAILED, State.SLEEPING)


class EngineController:
    """Moves models along the lifecycle table and asks for the starts and stops that this takes."""

    def __init__(self, models: Mapping[str, ModelState], context: DecisionContext) -> None:
        self.ledger = MemoryLedger()
        self.commands = EngineCommands(context, self.ledger)
        self.warm_policy = WarmSetPolicy(models, context, self.ledger)
        self.admission = MemoryAdmission(models, context, self.ledger, self.warm_policy, self.commands)
        self.preload = PreloadQueue(self.admission.request)
        self.closing = False
        self._failures = EngineFailures(context, self.admission, self.warm_policy)
        self._models = models
        self._context = context

    def obtainable(self, model: ModelState) -> bool:
        """Return whether a request may hope for *model*: it is ready, will be, or may be started."""
        if self.closing:
            return False
        return model.state is State.READY or model.is_starting or model.restarts.open(self._context.now)

    def request_load(self, model: ModelState, why: str = "request") -> None:
        """Have *model* loaded for a request that waits, or for the next one (*why*), unless that is under way."""
        # A restart with its delay is under way already: requests that a crash loop fails must not drive it.
        if model.state in _UNLOADED and model.restarts.again_at is None:
            self.admission.request(model, why)

    def after_release(self, model: ModelState) -> None:
        """Finish draining after a request is over, or begin to count idle time."""
        if model.serving:
            return
        if model.state is State.DRAINING:
            self.commands.stop(model)
        elif model.closed_to_new_since is not None:
            self.commands.unload(model)
            # Requests that arrived too late for this turn wait for the next; a stopped engine is started again by `stopped`.
            if model.queue and model.state is State.SLEEPING:
                self.request_load(model)
        elif model.state is State.READY and model.idle:
            model.idle_since = self._context.now
            self.admission.changed()
            name, at = ("idle", model.name), self._context.now + self.warm_policy.idle_limit(model)
            if at < self._context.deadlines.at(name) and not self.warm_policy.stays(model):
                # A later one need not be set, however many requests pass: when it passes, it is looked at again (`idle_deadline`).
                self._context.deadlines.set(name, at)

    def idle_deadline(self, model: ModelState) -> None:
        """Unload a model that has been idle for its keep_alive; look again later at one that was used meanwhile."""
        if model.state is not State.READY or not model.idle or self.warm_policy.stays(model):
            return
        at = model.idle_since + self.warm_policy.idle_limit(model)
        if self._context.now >= at:
            self.unload(model, "idle")
        else:
            self._context.deadlines.set(("idle", model.name), at)

    def turn_deadline(self, model: ModelState) -> None:
        """Serve no more of the requests that wait for a model that is to be evicted: they had their time."""
        if model.closed_to_new_since is not None:
            # Before every request's arrival, so that none is accepted any more.
            model.closed_to_new_since = float("-inf")
            self.after_release(model)

    def return_deadline(self) -> None:
        """Load missing models of the warm set again, as far as that evicts no model in use; look again later for the rest."""
        if self.closing:
            return
        for model in self.warm_policy.missing():
            if model.restarts.returns(self._context.now) and self.admission.may_fit(model, "return"):
                self.admission.request(model, "return")
        self.warm_policy.look_again()

    def restart_deadline(self, model: ModelState) -> None:
        """Start a failed engine again, its delay being over."""
        if model.state is State.FAILED:
            # Before the load is asked for, which may be refused for want of memory: requests would wait for it for ever.
            model.restarts.delay_over()
            self.admission.request(model, "request" if model.queue else "restart")

    def drain_deadline(self, model: ModelState) -> None:
        """Stop an engine although it still answers requests: they had their time to finish."""
        if model.state is State.DRAINING:
            self.commands.stop(model)

    def slept(self, model: ModelState) -> None:
        """Note that an engine has given its memory back and sleeps."""
        if self.commands.slept(model):
            self.admission.changed()
            self.warm_policy.look_again()

    def load(self, model: ModelState, why: str) -> None:
        """Load *model* now, whatever happened to it before; after its stop if it is just being stopped. Not while closing."""
        if self.closing:
            return
        if model.state in _UNLOADED:
            model.restarts.reset()
            self._context.deadlines.cancel(("restart", model.name))
            model.failed_variants.clear()
            self.admission.request(model, why)
        elif model.state in (State.DRAINING, State.STOPPING):
            model.start_requested = True

    def unload(self, model: ModelState, why: str, drain: float = DRAIN_LIMIT) -> None:
        """Stop the engine once the running answers are finished, within *drain* seconds."""
        model.start_requested = model.evicted = False
        model.restarts.reset()
        self._context.deadlines.cancel(("restart", model.name))
        # Requests that wait keep their load: unloading by hand frees memory, it does not refuse requests.
        if model.pending_load is not None and (self.closing or not model.queue):
            self._withdraw(model)
        if model.state in (State.COLD, State.STOPPING, State.DRAINING):
            return
        idle = self._context.now - model.idle_since if model.state is State.READY and model.idle else 0.0
        self._context.explain(Unloaded(model.name, why, len(model.serving), idle))
        if model.state is State.FAILED:
            self.stopped(model)
        elif model.state is State.READY and model.serving:
            model.move(Transition.DRAIN)
            self._context.deadlines.set(("drain", model.name), self._context.now + drain)
        else:
            self.commands.stop(model)

    def ready(self, event: EngineReady) -> bool:
        """Note that an engine serves; return whether that was still wanted."""
        model = self._models[event.model]
        if model.state is not State.LOADING:
            return False
        model.move(Transition.LOADED)
        model.take_engine(event)
        if model.woke_from_sleep:
            model.wake_seconds = event.seconds
        elif model.why != ADOPTED:
            model.load_seconds = event.seconds
        model.evicted = model.retried = False
        model.load_errors.clear()
        model.ready_at = model.idle_since = self._context.now
        self.ledger.warm(event.model)
        self.admission.changed()
        model.restarts.ready(self._context.now)
        self._context.explain(ModelReady(model.name, event.seconds, event.slots, len(model.queue)))
        self.preload.settled(model)
        return True

    def failed(self, event: EngineFailed, charged_to: tuple[str, ...] = ()) -> bool:
        """Note that an engine is down and decide whether it is restarted; return whether requests that wait should fall back."""
        model = self._models[event.model]
        self.commands.cancel_deadlines(model)
        if model.state is State.DRAINING:  # it was to stop anyway
            model.move(Transition.STOP)
        if model.state is State.STOPPING:
            self.stopped(model)
            return False
        loading = model.state is State.LOADING
        model.move(Transition.FAILED)
        self._memory_released(event.model)
        model.slots, model.last_error = 0, event.detail
        if event.exit_class is ExitClass.OUT_OF_MEMORY:
            model.down_reason = FallbackReason.OUT_OF_MEMORY
        else:
            model.down_reason = FallbackReason.LOAD_FAILED if loading else FallbackReason.CRASHED
        if loading and not self.closing and self._failures.try_another(model, event):
            return False
        self._failures.give_up(model, event, loading=loading, closing=self.closing, charged_to=charged_to)
        self.preload.settled(model)
        return loading or model.restarts.again_at is None

    def stopped(self, model: ModelState) -> None:
        """Note that a stopped engine has left nothing behind; start it again where requests wait or that was asked for."""
        if model.state is State.SLEEPING:  # it could not sleep, and was stopped instead
            model.move(Transition.STOP)
        model.move(Transition.STOPPED)
        model.slots = 0
        model.failed_variants.clear()
        self._memory_released(model.name)
        if model.pending_load is not None:  # asked for while it slept
            self._withdraw(model)
        self._context.explain(StopCompleted(model.name, len(model.queue)))
        if not self.closing and (model.queue or model.start_requested):
            model.start_requested = False
            self.admission.request(model, "request" if model.queue else "asked")
        else:
            self.preload.settled(model)
            self.warm_policy.look_again()

    def boot(self) -> None:
        """Begin to load, one after another, what should be warm and fits together, the most valuable first."""
        self.preload.begun = True
        if not self.closing:
            self.warm_policy.plan()
            self.preload.begin(self.warm_policy.in_order())
            self.warm_policy.look_again()

    def schedule_changed(self, windows: frozenset[str], demand: Mapping[str, float]) -> None:
        """Take in the hour: load what should be warm from now on, and let idle time count for the rest."""
        self._follow_plan(self.warm_policy.schedule_changed(windows, demand))
        if not self.preload.begun or self.closing:
            return
        for model in self.warm_policy.in_order():
            why = self.warm_policy.reason(model)
            if model.state is not State.COLD or model in self.preload:
                continue
            if model.name in windows:
                self.admission.request(model, "window")
            elif why == "demand":
                self.admission.request(model, why)

    def preflight_done(self, event: PreflightDone) -> bool:
        """Take in the outcome of a check; return whether requests that wait should fall back."""
        model = self._models[event.model]
        pending = model.pending_load
        if pending is None or pending.checking is None or self.closing:
            return False
        if event.exit_class is None:
            self.admission.preflight_passed(model)
            return False
        # The load would fail in the same way: what follows is the same, but no model was evicted for it.
        self.admission.drop(model)
        model.option, model.why = pending.checking, pending.why
        model.move(Transition.START)
        return self.failed(EngineFailed(event.model, event.exit_class, event.detail, own_want=event.own_want))

    def options_changed(self, model: ModelState, options: tuple[LoadOption, ...], why_not: str | None) -> None:
        """Take in the ways to load a model, and plan with them."""
        model.options, model.why_not = options, why_not
        if not model.options_known:
            model.options_known = True
            self.admission.options_found(model)
        if loaded := model.option:
            same = (each for each in options if (each.variant, each.placement) == (loaded.variant, loaded.placement))
            found = next(same, loaded)
            # The engine was started with its shares, whatever is known of its needs since.
            model.option = found if loaded.shares is None or found is loaded else found.granted(loaded.shares)
            if model.state in (State.LOADING, State.READY):
                self.ledger.learnt(model.name, model.option)
        if self.preload.begun:
            self.replan()

    def replan(self) -> None:
        """Plan anew after models were added, changed or removed."""
        self._follow_plan(self.warm_policy.plan())
        self.admission.changed()

    def _follow_plan(self, new: Iterable[ModelState]) -> None:
        """Let idle time count for models that a plan leaves out, and have those that are *new* in it loaded when memory is free."""
        for model in self._models.values():
            idle = model.state is State.READY and model.idle
            if idle and ("idle", model.name) not in self._context.deadlines:
                self.after_release(model)
        for model in new:
            if self.preload.begun and model.state in (State.COLD, State.SLEEPING) and model not in self.preload:
                self.warm_policy.evicted(model)
        self.warm_policy.look_again()

    def memory_measured(self, pools: Iterable[Pool], held: Mapping[str, Mapping[str, int]]) -> None:
        """Take in a measurement of the memory."""
        self.ledger.measured(pools, held)
        self.admission.changed()

    def load_ended(self, model: ModelState, why: str | None) -> None:
        """Note that a pending load will not begin, for want of memory as *why* says, or as it is not needed any more."""
        if why is not None:
            model.last_error, model.down_reason = why, FallbackReason.OUT_OF_MEMORY
            self.warm_policy.evicted(model)
        # A request that has left takes its load with it, though not what made the model missing before.
        self.warm_policy.look_again()
        self.preload.settled(model)

    def close(self) -> None:
        """Stop every engine, letting the running answers finish."""
        self.closing = True
        self.preload.give_up()
        for model in self._models.values():
            self.unload(model, "closing")

    def _withdraw(self, model: ModelState) -> None:
        self.admission.withdraw(model)
        self.preload.settled(model)

    def _memory_released(self, model: str) -> None:
        self.ledger.stopped(model)
        self.admission.changed()
