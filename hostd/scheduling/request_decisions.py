"""Decisions on one request, told with the load of the model that they concern."""

from hostd.domain.errors import HostdError
from hostd.domain.reason import FallbackReason
from hostd.scheduling.decisions import FellBack, Refused, Routed
from hostd.scheduling.model_state import ModelState
from hostd.scheduling.request_state import RequestState


def routed(model: ModelState, request: RequestState) -> Routed:
    """Return the decision to give *request* a slot of *model*, which it has by now."""
    return Routed(
        model.name,
        request.ticket.id,
        request.ticket.route.asked,
        request.reason,
        request.attempt,
        request.queued * 1000,
        model.capacity,
        len(model.serving),
        len(model.queue.by_age),
        request.ticket.route.why if request.attempt == 1 else "",
    )


def fell_back(
    left: ModelState, request: RequestState, reason: FallbackReason, error: HostdError, waited: float
) -> FellBack:
    """Return the decision to move *request*, which has *waited* so many seconds, from a model that it has *left* to its target."""
    return FellBack(
        left.name,
        request.ticket.id,
        request.target.model,
        reason,
        error.logged or error.message,
        waited * 1000,
        len(left.serving),
        len(left.queue),
    )


def refused(model: ModelState, request: RequestState, error: HostdError) -> Refused:
    """Return the decision to refuse *request* at *model*, the last of its targets that it came to."""
    return Refused(
        model.name,
        request.ticket.id,
        request.ticket.route.asked,
        error.code,
        error.logged or error.message,
        request.queued * 1000,
        error.retry_after,
        len(model.serving),
        len(model.queue),
    )
