"""What a model would take for one more request, from what the scheduler has measured."""

from hostd.domain.lifecycle import State
from hostd.domain.offer import FREE, Offer
from hostd.scheduling.engine_control import EngineController
from hostd.scheduling.model_state import ModelState

_AT_REST = (State.COLD, State.FAILED, State.SLEEPING)


def offer_of(model: ModelState, engines: EngineController) -> Offer:
    """Return the offer of *model* to a request that arrives now."""
    warm = model.state is State.READY
    load = 0.0 if warm else model.seconds_to_load
    free = not model.queue and (not warm or model.has_free_slot)
    speed = model.speed
    return Offer(
        0.0 if free else model.expected_wait() - load,
        load,
        speed.reads,
        speed.writes,
        speed.ttft,
        model.price or FREE,
        available=not model.removed and not model.limited and model.breaker.admits and engines.obtainable(model),
        loadable=model.state in _AT_REST and not model.is_starting and not model.remote,
    )
