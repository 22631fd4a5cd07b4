"""Which engines run: starts, stops, restarts, the boot's preload and the end of idle ones.

The half of the desk that knows nothing of tickets. It owns the lifecycle state of every lane. Whether there is memory for a load,
and who goes for it, is `room`'s business; which models should be warm is `keeping`'s.
"""

from collections.abc import Iterable, Mapping

from hostd.domain.host import Pool
from hostd.domain.lifecycle import State, Transition
from hostd.domain.reason import ExitClass, FallbackReason
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.decision_context import DecisionContext
from hostd.scheduling.effects import Start, Wake
from hostd.scheduling.events import EngineFailed, EngineReady, PreflightDone
from hostd.scheduling.memory_admission import Loads, MemoryAdmission
from hostd.scheduling.memory_ledger import MemoryLedger
from hostd.scheduling.model_state import ModelState
from hostd.scheduling.preload import PreloadQueue
from hostd.scheduling.unloading import Unloader
from hostd.scheduling.warm_policy import WarmSetPolicy

DRAIN_LIMIT = 30.0
"""Seconds that running answers get to finish before their engine is stopped all the same."""


class EngineController:
    """Moves lanes along the lifecycle table and asks for the starts and stops that this takes."""

    def __init__(self, models: Mapping[str, ModelState], turn: DecisionContext) -> None:
        self._models = models
        self._context = turn
        ledger = MemoryLedger()
        self.unloader = Unloader(turn, ledger)
        self.admission = MemoryAdmission(
            models, turn, ledger, Loads(self._begin, self._unload, self.unloader.keep, self._settled)
        )
        self.warm_policy = WarmSetPolicy(models, turn, self.admission)
        self.preload = PreloadQueue(self.admission.request)
        self.closing = False

    def obtainable(self, model: ModelState) -> bool:
        """Return whether a ticket may hope for this model: it is ready, on its way, or may be started."""
        return not self.closing and (
            model.state is State.READY or model.is_starting or model.restarts.open(self._context.now)
        )

    def request_load(self, model: ModelState) -> None:
        """Start the engine for a ticket that waits, unless it is already on its way."""
        if model.state in (State.COLD, State.FAILED, State.SLEEPING) and model.restarts.again_at is None:
            self.admission.request(model, "request")

    def after_release(self, model: ModelState) -> None:
        """See to a lane from which a ticket has gone: finish draining, or begin to count idle time."""
        if model.state is State.DRAINING and not model.serving:
            self.unloader.stop(model)
        elif model.closed_to_new_since is not None and not model.serving:
            self.unloader.unload(model)
            if model.queue and model.state is State.SLEEPING:
                self.request_load(model)
        elif model.state is State.READY and model.idle:
            model.idle_since = self._context.now
            self.admission.changed()
            alarm = ("idle", model.profile.name)
            if not self.warm_policy.stays(model) and (
                model.keep_alive_hint is not None or alarm not in self._context.deadlines
            ):
                # One alarm per lane, however many requests pass: it looks again when it rings (`idle_time_up`).
                self._context.deadlines.set(alarm, self._context.now + self.warm_policy.idle_limit(model))

    def idle_deadline(self, model: ModelState) -> None:
        """Unload a lane that has been idle for its keep_alive; look again later at one that was used meanwhile."""
        if model.state is not State.READY or not model.idle or self.warm_policy.stays(model):
            return
        at = model.idle_since + self.warm_policy.idle_limit(model)
        if self._context.now >= at:
            self.unload(model, "idle")
        else:
            self._context.deadlines.set(("idle", model.profile.name), at)

    def turn_deadline(self, model: ModelState) -> None:
        """Let nobody else in who waits for a model that is to go: those there have had their turn."""
        if model.closed_to_new_since is not None:
            model.closed_to_new_since = float("-inf")
            self.after_release(model)

    def slept(self, model: ModelState) -> None:
        """Note that an engine has given its memory back and sleeps."""
        if self.unloader.slept(model):
            self.admission.changed()

    def restart_deadline(self, model: ModelState) -> None:
        """Start a broken engine again, its delay being over."""
        if model.state is State.FAILED:
            self.admission.request(model, "request" if model.queue else "restart")

    def drain_deadline(self, model: ModelState) -> None:
        """Stop an engine although it still answers somebody: they had their time to finish."""
        if model.state is State.DRAINING:
            self.unloader.stop(model)

    def load(self, model: ModelState, why: str) -> None:
        """Start the engine now, whatever its past; after its stop if it is just being stopped. Not while closing."""
        if self.closing:
            return
        if model.state in (State.COLD, State.FAILED, State.SLEEPING):
            model.restarts.forgive()
            model.failed_variants.clear()
            self.admission.request(model, why)
        elif model.state in (State.DRAINING, State.STOPPING):
            model.start_requested = True

    def unload(self, model: ModelState, why: str) -> None:
        """Stop the engine once the answers under way are finished, within `DRAIN_LIMIT`."""
        model.start_requested = model.evicted = False
        model.restarts.forgive()
        self._context.deadlines.cancel(("restart", model.profile.name))
        if model.pending_load is not None and (self.closing or not model.queue):
            self.admission.withdraw(model)
        if model.state in (State.COLD, State.STOPPING, State.DRAINING):
            return
        idle = self._context.now - model.idle_since if model.state is State.READY and model.idle else 0.0
        self._context.explain("unload", model, None, why=why, in_flight=len(model.serving), idle_s=round(idle, 1))
        if model.state is State.FAILED:
            self.stopped(model)
        elif model.state is State.READY and model.serving:
            model.move(Transition.DRAIN)
            self._context.deadlines.set(("drain", model.profile.name), self._context.now + DRAIN_LIMIT)
        else:
            self.unloader.stop(model)

    def ready(self, event: EngineReady) -> bool:
        """Note that an engine serves; return whether that was still wanted."""
        model = self._models[event.model]
        if model.state is not State.LOADING:
            return False
        model.move(Transition.LOADED)
        model.slots, model.sleep_levels, model.last_error = event.slots, event.sleep_levels, None
        if model.woke_from_sleep:
            model.wake_seconds = event.seconds
        else:
            model.load_seconds = event.seconds
        model.evicted = model.retried = False
        model.load_errors.clear()
        model.ready_at = model.idle_since = self._context.now
        self.admission.ledger.warm(event.model)
        self.admission.changed()
        model.restarts.ready(self._context.now)
        self._context.explain(
            "ready", model, None, load_s=round(event.seconds, 2), slots=event.slots, queued=len(model.queue)
        )
        self.preload.settled(model)
        return True

    def failed(self, event: EngineFailed) -> bool:
        """Note that an engine is down and decide whether it comes back; return whether those who wait should go elsewhere."""
        model = self._models[event.model]
        for name in ("drain", "idle", "turn"):
            self._context.deadlines.cancel((name, event.model))
        if model.state is State.DRAINING:  # it was to stop anyway
            model.move(Transition.STOP)
        if model.state is State.STOPPING:
            self.stopped(model)
            return False
        loading = model.state is State.LOADING
        model.move(Transition.FAILED)
        self._stopped(event.model)
        model.slots, model.last_error = 0, event.detail
        if event.exit_class is ExitClass.OUT_OF_MEMORY:
            model.down_reason = FallbackReason.OUT_OF_MEMORY
        else:
            model.down_reason = FallbackReason.LOAD_FAILED if loading else FallbackReason.CRASHED
        if loading and not self.closing and self._try_another(model, event):
            return False
        if loading:
            # Of several variants that could not be had, the first may be the one that the owner can mend.
            others = (model.why_not,) if model.why_not and model.option is not None else ()
            model.last_error = "; ".join(dict.fromkeys((*model.load_errors, event.detail, *others)))
        model.load_errors.clear()
        model.failed_variants.clear()
        model.retried = False
        model.restarts.failed(event.exit_class, self._context.now)
        if self.closing or (loading and not model.profile.warm.preload):
            model.restarts.hold_back()
        again_at = model.restarts.again_at
        if again_at is not None:
            self._context.deadlines.set(("restart", event.model), again_at)
        self._context.explain(
            "engine_broke",
            model,
            None,
            exit_class=event.exit_class,
            why=event.detail,
            loading=loading,
            in_a_row=model.restarts.streak,
            again_in_s=None if again_at is None else round(again_at - self._context.now, 1),
        )
        self.preload.settled(model)
        return loading or again_at is None

    def stopped(self, model: ModelState) -> None:
        """Note that a stopped engine has left nothing behind; start it again if somebody wants it."""
        if model.state is State.SLEEPING:  # it could not sleep, and was stopped instead
            model.move(Transition.STOP)
        model.move(Transition.STOPPED)
        model.slots = 0
        model.failed_variants.clear()
        self._stopped(model.profile.name)
        if model.pending_load is not None:  # made while it slept
            self.admission.withdraw(model)
        self._context.explain("stopped", model, None, queued=len(model.queue))
        if not self.closing and (model.queue or model.start_requested):
            model.start_requested = False
            self.admission.request(model, "request" if model.queue else "asked")
        else:
            self.preload.settled(model)

    def boot(self) -> None:
        """Begin to load, one after another, what should be warm and fits together, the most valuable first."""
        self.preload.begun = True
        if not self.closing:
            self.warm_policy.plan()
            self.preload.begin(self.warm_policy.in_order())

    def schedule_changed(self, windows: frozenset[str], demand: Mapping[str, float]) -> None:
        """Take in the hour: load what should be warm from now on, and let idle time count for what need not be any more."""
        self._start_if_wanted(self.warm_policy.calendar(windows, demand))
        if not self.preload.begun or self.closing:
            return
        for model in self.warm_policy.in_order():
            why = self.warm_policy.reason(model)
            if model.state is not State.COLD or model in self.preload:
                continue
            if model.profile.name in windows:
                self.admission.request(model, "window")
            elif why == "demand":
                self.admission.request(model, why)

    def preflight_done(self, event: PreflightDone) -> bool:
        """Take in what became of a check; return whether those who wait should go elsewhere."""
        model = self._models[event.model]
        pending = model.pending_load
        if pending is None or pending.asked is None or self.closing:
            return False
        if event.exit_class is None:
            self.admission.preflight_passed(model)
            return False
        # It would fail just so: the same follows as if it had, except that nobody had to go for it.
        self.admission.drop(model)
        model.option, model.why = pending.asked, pending.why
        model.move(Transition.START)
        return self.failed(EngineFailed(event.model, event.exit_class, event.detail))

    def options_changed(self, model: ModelState, options: tuple[LoadOption, ...], why_not: str | None) -> None:
        """Take in the ways to load a model, and plan with them."""
        model.options, model.why_not = options, why_not
        if not model.options_known:
            model.options_known = True
            self.admission.options_found(model)
        if loaded := model.option:
            same = (each for each in options if (each.variant, each.placement) == (loaded.variant, loaded.placement))
            model.option = next(same, loaded)
            if model.state in (State.LOADING, State.READY):
                self.admission.ledger.learnt(model.profile.name, model.option)
        if self.preload.begun:
            self.replan()

    def replan(self) -> None:
        """Plan anew after models were added, changed or removed."""
        self._start_if_wanted(self.warm_policy.plan())
        self.admission.changed()

    def _start_if_wanted(self, new: Iterable[ModelState]) -> None:
        """Let idle time count for what a plan has no place for, and have what is *new* in it come up in quiet times."""
        for model in self._models.values():
            if (
                model.state is State.READY
                and model.idle
                and ("idle", model.profile.name) not in self._context.deadlines
            ):
                self.after_release(model)
        for model in new:
            if self.preload.begun and model.state is State.COLD and model not in self.preload:
                self.warm_policy.went(model)

    def memory_measured(self, pools: Iterable[Pool], held: Mapping[str, Mapping[str, int]]) -> None:
        """Take in a measurement of the memory."""
        self.admission.ledger.measured(pools, held)
        self.admission.changed()

    def insufficient_memory(self, model: ModelState, why: str) -> None:
        """Note that there is no room for a load, and why."""
        model.last_error, model.down_reason = why, FallbackReason.OUT_OF_MEMORY
        self.warm_policy.went(model)
        self.preload.settled(model)

    def close(self) -> None:
        """Stop every engine, letting the answers under way finish."""
        self.closing = True
        self.preload.give_up()
        for model in self._models.values():
            self.unload(model, "closing")

    def _begin(self, model: ModelState, option: LoadOption | None, why: str) -> None:
        model.woke_from_sleep = model.state is State.SLEEPING
        model.move(Transition.WAKE if model.woke_from_sleep else Transition.START)
        model.start_requested, model.option, model.why = False, option, why
        model.restarts.started()
        self._context.deadlines.cancel(("restart", model.profile.name))
        self._context.effects.append(
            Wake(model.profile.name) if model.woke_from_sleep else Start(model.profile.name, option)
        )
        variant = None if option is None else option.label
        self._context.explain(
            "wake" if model.woke_from_sleep else "load",
            model,
            None,
            why=why,
            variant=variant,
            queued=len(model.queue),
            restarts=model.restarts.total,
        )

    def _unload(self, model: ModelState) -> None:
        self.warm_policy.went(model)
        self.unloader.unload_for(model)

    def _settled(self, model: ModelState) -> None:
        self.preload.settled(model)

    def _stopped(self, model: str) -> None:
        self.admission.ledger.stopped(model)
        self.admission.changed()

    def _try_another(self, model: ModelState, event: EngineFailed) -> bool:
        """Go on with the next variant where this one cannot be had, or once where memory ran out; return whether there is hope."""
        if model.option is None or (model.retried and event.exit_class is ExitClass.OUT_OF_MEMORY):
            return False
        tried, before = model.option, model.usable
        if event.exit_class is ExitClass.OUT_OF_MEMORY:
            model.retried = True
        elif event.exit_class.mends_itself:
            return False
        model.failed_variants.add(tried.variant)
        model.load_errors.append(event.detail)
        if not model.usable:
            model.failed_variants.discard(tried.variant)
            if event.exit_class is not ExitClass.OUT_OF_MEMORY:
                return False
        again = "request" if model.queue else model.why
        self._context.explain(
            "next_variant",
            model,
            None,
            exit_class=event.exit_class,
            why=event.detail,
            tried=tried.label,
            left=[option.label for option in model.usable if option in before],
        )
        self.admission.request(model, again)
        return True
