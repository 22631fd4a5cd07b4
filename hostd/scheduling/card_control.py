"""What becomes of models on graphics cards when the machine sleeps, and when cards come back.

A driver may lose what a card holds while the machine sleeps, and some engines then go on without the card, many times slower, or
hang. So they are unloaded before it sleeps, where that is announced; one that was not in time, or not announced at all, has to
generate a token before it gets the next request.
"""

from collections.abc import Mapping

from hostd.domain.lifecycle import State
from hostd.scheduling.decision_context import DecisionContext
from hostd.scheduling.effects import Prove
from hostd.scheduling.engine_control import DRAIN_LIMIT, EngineController
from hostd.scheduling.events import CardEvent, CardsReturned, HostResumed, SuspendAnnounced
from hostd.scheduling.model_state import ModelState

_LOADED = (State.LOADING, State.READY, State.DRAINING, State.SLEEPING)


class CardControl:
    """Unloads, proves and loads again the models on cards, by way of *engines*."""

    def __init__(self, models: Mapping[str, ModelState], context: DecisionContext, engines: EngineController) -> None:
        self._models = models
        self._context = context
        self._engines = engines
        self._unloaded: set[str] = set()

    def handle(self, event: CardEvent) -> None:
        """Take in one event."""
        if self._engines.closing:
            return
        match event:
            case SuspendAnnounced(seconds):
                self._suspend(min(seconds, DRAIN_LIMIT))
            case HostResumed():
                self._resume()
            case CardsReturned(pools):
                self._load_again(pools)

    def _suspend(self, seconds: float) -> None:
        """Unload what cards hold; loads of them wait, as do requests, until the machine is awake."""
        self._engines.admission.cards_closed = True
        for model in self._models.values():
            if model.cards and model.state in _LOADED:
                if model.state is not State.DRAINING:
                    self._unloaded.add(model.name)
                self._engines.unload(model, "suspend", seconds)
                # Its answers may take longer than the machine waits.
                if model.state is State.DRAINING:
                    self._context.deadlines.set(("drain", model.name), self._context.now + seconds)

    def _resume(self) -> None:
        self._engines.admission.cards_closed = False
        self._engines.admission.changed()
        for model in self._models.values():
            if model.state is State.READY and model.cards:
                model.unproven = True
                self._context.effects.append(Prove(model.name))
            elif model.name in self._unloaded and model.state in (State.DRAINING, State.STOPPING):
                model.start_requested = True
            elif model.name in self._unloaded and model.state is State.COLD:
                self._engines.admission.request(model, "return")
        self._unloaded.clear()

    def _load_again(self, pools: frozenset[str]) -> None:
        for model in self._models.values():
            if model.state is State.FAILED and model.cards & pools:
                model.restarts.reset()
                self._context.deadlines.cancel(("restart", model.name))
                if model.profile.warm.preload or model.queue:
                    self._engines.admission.request(model, "return")
