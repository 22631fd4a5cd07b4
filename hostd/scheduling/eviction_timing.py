"""When a loaded model may be evicted for another, and what that costs; `planning.warm_set.eviction` chooses which ones are."""

from collections.abc import Mapping

from hostd.domain.lifecycle import State
from hostd.planning.warm_set.eviction import reload_cost
from hostd.scheduling.model_state import ModelState
from hostd.scheduling.pending_load import LoadPriority, PendingLoad

RESIDENCY_LOADS, LEAST_RESIDENCY, LONGEST_RESIDENCY = 2.0, 5.0, 30.0
"""A model that is in use stays for so many times as long as it took to load, within these bounds (seconds)."""

WAIT_TO_COST = 6.0
"""How many times the cost of evicting an idle model the requests that need its memory must have waited together."""

IDLE_BEFORE_EVICTION = 10.0
"""Seconds without a request after which an idle model is evicted for a request that waits, whatever that costs."""

WAIT_LOADS, LONGEST_WAIT = 6.0, 120.0
"""A model that is always busy is closed to new requests, for the sake of a load that waits, after so many times as long as
both take to load (so that a seventh of the time is spent on loads at most), at the latest after so many seconds."""

IDLE_BEFORE_OPTIONAL_EVICTION = 60.0
"""Seconds that a model must have been idle before it is evicted for one that merely should be warm."""


def eviction_cost(model: ModelState, now: float, demand: Mapping[str, float], *, declared: bool) -> float:
    """Return the seconds that evicting *model* is expected to cost (see `reload_cost`).

    The rate is the higher one of the last minutes' and of what this hour of the week has shown (*demand*, requests per hour).
    """
    rate = max(model.request_rate.rate(now), demand.get(model.name, 0.0) / 3600.0)
    return reload_cost(model.seconds_to_load, rate, model.profile.warm.priority, declared=declared)


def residency(model: ModelState) -> float:
    """Return for how many seconds a model stays once it is loaded, so that its load was worth it."""
    return min(LONGEST_RESIDENCY, max(LEAST_RESIDENCY, RESIDENCY_LOADS * model.seconds_to_load))


def evictable_at(
    model: ModelState, pending: PendingLoad, claimant: ModelState, now: float, cost: float
) -> float | None:
    """Return when *model* may be evicted for *claimant* (seconds); None while only an event can tell.

    An idle model may be once the requests that wait have together waited several times as long as the eviction is expected to
    cost, or when it has been idle for `IDLE_BEFORE_EVICTION`: so requests for models in turns are answered in batches. A busy one
    goes on, since answering all of its requests in one stay makes the fewest loads, but not for ever: after `WAIT_LOADS`, its
    residency being over, it is closed to new requests, and evicted when those that it has are answered. Both may be sooner where
    the queue timeout of a model of higher priority demands it. A load by hand evicts idle models at once; a load that no request
    waits for evicts only what has been idle for a while.
    """
    # Asleep, it answers no request, and what it keeps is waste while another model needs it.
    if model.state is State.SLEEPING:
        return now
    # A load has to end and a stop to be done first: their memory is not there to be freed.
    if model.state is not State.READY:
        return None
    if pending.priority is not LoadPriority.WAITED_FOR:
        return model.idle_since + IDLE_BEFORE_OPTIONAL_EVICTION if model.idle else None
    first = claimant.queue.oldest()
    since = pending.since if first is None else first.since
    both = model.seconds_to_load + claimant.seconds_to_load
    at = max(since + min(LONGEST_WAIT, WAIT_LOADS * both), model.ready_at + residency(model))
    if model.idle:
        at = min(at, model.idle_since + IDLE_BEFORE_EVICTION)
        if first is None:  # the owner has asked for it by hand
            return now
        # Many that wait reach the cost together sooner than one does: each second counts once for each of them.
        patience = now + max(0.0, WAIT_TO_COST * cost - claimant.queue.waited(now)) / len(claimant.queue)
        at = min(at, max(patience, model.ready_at + min(LEAST_RESIDENCY, model.seconds_to_load)))
    # The load must begin early enough to end within the queue timeout of the first that waits.
    if first is not None and claimant.profile.warm.priority > model.profile.warm.priority:
        at = min(at, first.since + claimant.profile.limits.queue_timeout - claimant.seconds_to_load)
    return at
