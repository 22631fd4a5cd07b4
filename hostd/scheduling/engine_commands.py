"""The commands to engines: start or wake one, stop it, put it to sleep, or close it to new requests so that it can be evicted.

Each command changes the model's lifecycle state, what the ledger says of its memory, and its deadlines, all at once; whether and
when to give one is decided elsewhere.
"""

from hostd.domain.lifecycle import State, Transition
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.decision_context import DecisionContext
from hostd.scheduling.effects import Sleep, Start, Stop, Wake
from hostd.scheduling.memory_ledger import MemoryLedger
from hostd.scheduling.model_decisions import Adopted, LoadStarted, Slept, WakeStarted
from hostd.scheduling.model_state import ModelState

ADOPTED = "adopted"
"""Why an engine was not loaded; see `ModelState.why`."""

LONGEST_TURN = 60.0
"""Seconds for which a model that is to be evicted still serves the requests that waited for it by then."""


class EngineCommands:
    """Commands engines by effects. *reopened* are models that are kept after all, whose queues have not been served since."""

    def __init__(self, context: DecisionContext, ledger: MemoryLedger) -> None:
        self.reopened: list[ModelState] = []
        self._context = context
        self._ledger = ledger

    def start(self, model: ModelState, option: LoadOption | None, why: str) -> None:
        """Start the engine of *model* as *option* says, or wake it where it sleeps."""
        model.woke_from_sleep = model.state is State.SLEEPING
        model.move(Transition.WAKE if model.woke_from_sleep else Transition.START)
        model.start_requested, model.option, model.why = False, option, why
        model.restarts.started()
        self._context.deadlines.cancel(("restart", model.name))
        command = Wake(model.name) if model.woke_from_sleep else Start(model.name, option)
        self._context.effects.append(command)
        decision = WakeStarted if model.woke_from_sleep else LoadStarted
        variant = None if option is None else option.label
        self._context.explain(decision(model.name, why, variant, len(model.queue), model.restarts.total))

    def adopt(self, model: ModelState, option: LoadOption) -> None:
        """Go on with the engine of *model* that runs already, launched as *option* says."""
        model.move(Transition.START)
        model.option, model.why = option, ADOPTED
        self._ledger.adopt(model.name, option)
        self._context.effects.append(Start(model.name, option))
        self._context.explain(Adopted(model.name, option.label))

    def unload_for(self, model: ModelState) -> None:
        """Evict *model* once the requests that it has are answered; no answer is cut off for the sake of another model."""
        # It is stopped on purpose: its crashes of before must not delay its next load.
        model.restarts.reset()
        if model.closed_to_new_since is not None:
            return
        if model.state is State.READY and (model.serving or (model.queue and not model.suspected_dead)):
            model.closed_to_new_since = self._context.now
            self._context.deadlines.set(("turn", model.name), self._context.now + LONGEST_TURN)
        else:
            self.unload(model)

    def keep(self, model: ModelState) -> None:
        """Keep a model that was to be evicted: its memory is not needed any more."""
        model.closed_to_new_since, model.evicted = None, False
        self._context.deadlines.cancel(("turn", model.name))
        self.reopened.append(model)

    def unload(self, model: ModelState) -> None:
        """Have a model without running answers give its memory back, asleep where its engine can sleep."""
        # A dead engine cannot give anything back but by its end.
        if model.state is State.READY and model.can_sleep and not model.suspected_dead:
            self._sleep(model)
        else:
            self.stop(model)

    def stop(self, model: ModelState) -> None:
        """Stop the engine of *model*."""
        model.move(Transition.STOP)
        self._ledger.stopping(model.name)
        self.cancel_deadlines(model)
        self._context.effects.append(Stop(model.name))

    def cancel_deadlines(self, model: ModelState) -> None:
        """Forget the deadlines of an engine that serves no more."""
        for name in ("drain", "idle", "turn"):
            self._context.deadlines.cancel((name, model.name))

    def slept(self, model: ModelState) -> bool:
        """Note that an engine has given its memory back and sleeps; return whether that was still wanted."""
        if model.state is not State.SLEEPING:
            return False
        self._ledger.slept(model.name, model.bytes_kept_asleep)
        return True

    def _sleep(self, model: ModelState) -> None:
        """Put an engine to sleep, at the lightest level for whose remains main memory has room."""
        held = sum(count for pool, count in self._ledger.held(model.name).items() if pool != "ram")
        fits_in_ram = held <= self._ledger.free().get("ram", 0)
        level = model.sleep_levels[0] if fits_in_ram else model.sleep_levels[-1]
        # The lightest level is the only one that this engine has.
        if level == 1 and not fits_in_ram:
            self.stop(model)
            return
        model.move(Transition.SLEEP)
        # Level 1 keeps the weights in main memory; the deeper ones drop them.
        model.bytes_kept_asleep = {"ram": held} if level == 1 else {}
        for name in ("idle", "turn"):
            self._context.deadlines.cancel((name, model.name))
        self._ledger.stopping(model.name)
        self._context.effects.append(Sleep(model.name, level))
        self._context.explain(Slept(model.name, level, model.bytes_kept_asleep))
