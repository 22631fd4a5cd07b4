"""How a model goes: after those who are there have been answered, into sleep where that gives its memory back, else for good."""

from hostd.domain.lifecycle import State, Transition
from hostd.scheduling.decision_context import DecisionContext
from hostd.scheduling.effects import Sleep, Stop
from hostd.scheduling.memory_ledger import MemoryLedger
from hostd.scheduling.model_state import ModelState

LONGEST_TURN = 60.0
"""Seconds for which a model that is to go for another still serves those who waited for it by then."""


class Unloader:
    """Sees models off. *reopened* are those that may stay after all and have not yet been told."""

    def __init__(self, turn: DecisionContext, ledger: MemoryLedger) -> None:
        self.reopened: list[ModelState] = []
        self._context = turn
        self._ledger = ledger

    def unload_for(self, model: ModelState) -> None:
        """Have a model go for another once it has answered those who are there; nobody's answer is cut for it."""
        model.restarts.forgive()
        if model.closed_to_new_since is not None:
            return
        if model.state is State.READY and (model.serving or (model.queue and not model.suspected_dead)):
            model.closed_to_new_since = self._context.now
            self._context.deadlines.set(("turn", model.profile.name), self._context.now + LONGEST_TURN)
        else:
            self.unload(model)

    def keep(self, model: ModelState) -> None:
        """Keep a model that was to go: nobody wants its memory any more."""
        model.closed_to_new_since, model.evicted = None, False
        self._context.deadlines.cancel(("turn", model.profile.name))
        self.reopened.append(model)

    def unload(self, model: ModelState) -> None:
        """Have a model that answers nobody give its memory back."""
        if model.state is State.READY and model.can_sleep and not model.suspected_dead:
            self._sleep(model)
        else:
            self.stop(model)

    def stop(self, model: ModelState) -> None:
        """Have an engine ended."""
        model.move(Transition.STOP)
        self._ledger.stopping(model.profile.name)
        for name in ("drain", "idle", "turn"):
            self._context.deadlines.cancel((name, model.profile.name))
        self._context.effects.append(Stop(model.profile.name))

    def slept(self, model: ModelState) -> bool:
        """Note that an engine has given its memory back and sleeps; return whether that was still wanted."""
        if model.state is not State.SLEEPING:
            return False
        self._ledger.slept(model.profile.name, model.bytes_kept_asleep)
        return True

    def _sleep(self, model: ModelState) -> None:
        """Have an engine stay without its memory: at the lightest level whose remains main memory has room for."""
        held = sum(count for pool, count in self._ledger.held(model.profile.name).items() if pool != "ram")
        light = held <= self._ledger.free().get("ram", 0)
        level = model.sleep_levels[0] if light else model.sleep_levels[-1]
        if level == 1 and not light:
            self.stop(model)
            return
        model.move(Transition.SLEEP)
        model.bytes_kept_asleep = {"ram": held} if level == 1 else {}
        for name in ("idle", "turn"):
            self._context.deadlines.cancel((name, model.profile.name))
        self._ledger.stopping(model.profile.name)
        self._context.effects.append(Sleep(model.profile.name, level))
        self._context.explain("sleep", model, None, level=level, keeps=model.bytes_kept_asleep)
