"""When a loaded model may be evicted for another, and what that costs; `planning.warm_set.eviction` chooses which ones are."""

from collections.abc import Mapping
from math import ceil

from hostd.domain.lifecycle import State
from hostd.planning.warm_set.eviction import reload_cost
from hostd.scheduling.model_state import AT_ONCE, UNMEASURED_SERVICE, ModelState
from hostd.scheduling.pending_load import LoadPriority, PendingLoad

WAIT_TIMEOUTS, WAIT_LOADS = 4.0, 6.0
"""A model that is always busy is closed to new requests, for the sake of a load that waits, after so many of the waiting model's
queue timeouts or times as long as both take to load, whichever is less: then a seventh of the time is spent on loads at most."""

RESIDENCY_LOADS = 2.0
"""A model that is in use stays for so many times as long as it took to load, but no longer than others' queue timeout."""

LINGER, LINGER_LOADS = AT_ONCE, 0.1
"""Seconds, and times as long as it loads, for which an idle model stays for a client that asks again as soon as it is answered."""

LINGER_SHARE = 0.25
"""The share of its idle times that ended at once from which a model stays for that."""

IDLE_LOADS = 0.5
"""A model that cannot be back in time is taken to be needed no more once it was idle for so many times as long as it loads."""

AWAY_SHARE = 0.75
"""The share of its own queue timeout for which a model may be away without harm: what piles up meanwhile takes its time, too."""

STOPPING = 1.5
"""Seconds that an engine takes to end and its memory to be seen free: one to two on CUDA and Metal."""

IDLE_BEFORE_OPTIONAL_EVICTION = 60.0
"""Seconds that a model must have been idle before it is evicted for one that merely should be warm."""


def eviction_cost(model: ModelState, now: float, demand: Mapping[str, float], *, declared: bool) -> float:
    """Return the seconds that evicting *model* is expected to cost (see `reload_cost`), reading conversations again included.

    The rate is the higher one of the last minutes' and of what this hour of the week has shown (*demand*, requests per hour).
    """
    rate = max(model.request_rate.rate(now), demand.get(model.name, 0.0) / 3600.0)
    return reload_cost(
        model.seconds_to_load + model.seconds_to_read_again, rate, model.profile.warm.priority, declared=declared
    )


def load_order(pending: PendingLoad, claimant: ModelState, now: float) -> tuple[int, bool, float, str]:
    """Return the key by which loads that wait get memory: by priority, those that can still be in time first, then by age.

    One that most of its requests have waited too long for gives way to others, but not for ever: after `WAIT_TIMEOUTS` it is as
    urgent as any.
    """
    late = 2 * late_requests(claimant, now) > len(claimant.queue) and now < pending.since + _most_timeouts(claimant)
    return pending.priority, late, pending.since, pending.model


def late_requests(claimant: ModelState, now: float) -> int:
    """Return how many of those that wait for *claimant* could not be served in time even by a load that begins *now*."""
    return len(claimant.queue) - claimant.queue.joined_after(now - _slack(claimant))


def has_first_call(pending: PendingLoad, claimant: ModelState, now: float) -> bool:
    """Return whether free memory is kept for *pending*: models are evicted for it already, or it has waited for long."""
    most = min(_most_timeouts(claimant), 2 * WAIT_LOADS * claimant.seconds_to_load)
    return bool(pending.victims) or now - pending.since >= most


def evictable_at(model: ModelState, pending: PendingLoad, claimant: ModelState, now: float) -> float | None:
    """Return when *model* may be evicted for *claimant* (seconds); None while only an event can tell.

    What hurts is a request that waits for longer than its queue timeout. An idle model is evicted almost at once for a model that
    can be loaded within that time. One that cannot be is late anyway: the idle model stays until its stay was worth the loads of
    both, or seems to be over. A busy one goes on, since answering all of its requests in one stay makes the fewest loads, but not
    for ever (`WAIT_LOADS`, `WAIT_TIMEOUTS`): then it is closed to new requests, and evicted when those that it has are answered.
    It is closed sooner, in time for the first that waits, where its own next requests will be answered in time nevertheless, or
    where the model that waits has the higher priority. A load by hand evicts idle models at once; a load that no request waits
    for evicts only what has been idle for a while.
    """
    # Asleep, it answers no request, and what it keeps is waste while another model needs it.
    if model.state is State.SLEEPING:
        return now
    # A load has to end and a stop to be done first: their memory is not there to be freed.
    if model.state is not State.READY:
        return None
    if pending.priority is not LoadPriority.WAITED_FOR:
        return model.idle_since + IDLE_BEFORE_OPTIONAL_EVICTION if model.idle else None
    first, timeout = claimant.queue.oldest(), claimant.profile.limits.queue_timeout
    own, both = model.seconds_to_load, model.seconds_to_load + claimant.seconds_to_load
    both += model.seconds_to_read_again + claimant.seconds_to_read_again
    since = pending.since if first is None else first.since
    waits = min(WAIT_LOADS * both, max(_most_timeouts(claimant), both))
    at = max(since + waits, model.ready_at + min(RESIDENCY_LOADS * own, max(timeout, own)))
    if first is None:  # the owner has asked for it by hand
        return now if model.idle else at
    slack = _slack(claimant)
    if model.idle:
        stays = model.idle_since + IDLE_LOADS * own
        at = min(at, _lingers_until(model, first.since + slack) if slack > 0 else min(model.ready_at + both, stays))
    elif (spare := slack - _seconds_to_answer(model, len(model.serving))) > 0 and _harmless(model, claimant):
        at = min(at, max(first.since + spare, model.ready_at + RESIDENCY_LOADS * own))
    if claimant.profile.warm.priority > model.profile.warm.priority:
        at = min(at, first.since + timeout - claimant.seconds_to_load)
    return at


def _lingers_until(model: ModelState, last: float) -> float:
    """Return until when an idle *model* stays for a client that asks again at once: no later than *last* or it became idle."""
    if model.asked_at_once < LINGER_SHARE:
        return model.idle_since
    # No longer than the first that waits can afford.
    return max(model.idle_since, min(model.idle_since + min(LINGER, LINGER_LOADS * model.seconds_to_load), last))


def _slack(claimant: ModelState) -> float:
    """Return how long a request may wait for the load to begin that serves it within its queue timeout."""
    return claimant.profile.limits.queue_timeout - claimant.seconds_to_load - STOPPING


def _most_timeouts(claimant: ModelState) -> float:
    return WAIT_TIMEOUTS * claimant.profile.limits.queue_timeout


def _harmless(model: ModelState, claimant: ModelState) -> bool:
    """Return whether *model* leaves no request waiting if it is closed now, and is back well within its own queue timeout."""
    away = _seconds_to_answer(model, len(model.serving)) + _seconds_to_answer(claimant, len(claimant.queue))
    away += 2 * STOPPING + model.seconds_to_load + claimant.seconds_to_load
    return not model.queue and away <= AWAY_SHARE * model.profile.limits.queue_timeout


def _seconds_to_answer(model: ModelState, requests: int) -> float:
    """Return the seconds that the engine takes for so many requests, from measured service times."""
    service = UNMEASURED_SERVICE if model.service_seconds is None else model.service_seconds
    return service * ceil(requests / max(1, model.capacity or model.profile.limits.max_concurrent))
