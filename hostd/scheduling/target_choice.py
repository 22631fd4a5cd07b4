"""Which target of its route a request may go to next, and why it may not wait for the one where it is."""

from collections.abc import Mapping

from hostd.domain.errors import HostdError
from hostd.domain.reason import FallbackReason
from hostd.scheduling.breakers import Breakers
from hostd.scheduling.circuit_breaker import BreakerState
from hostd.scheduling.decision_context import DecisionContext
from hostd.scheduling.engine_control import EngineController
from hostd.scheduling.model_state import ModelState
from hostd.scheduling.provider_limits import ProviderLimits
from hostd.scheduling.request_state import RequestState
from hostd.scheduling.spending import Excess, Spending

Outcome = tuple[FallbackReason, HostdError]
"""Why a request leaves a target, and the error that it is answered with where there is no other."""
OWN_FAULTS = frozenset({FallbackReason.BAD_TOOL_CALL, FallbackReason.CONTENT_POLICY, FallbackReason.UNFIT})
"""Failures that lie in the request. One that is too long for a model is not among them: where it goes next has a larger window."""
_ENOUGH_FAULTS = 2
"""Models that a request has failed on for its own fault, from which on it is not tried on a dearer one."""


class TargetChoice:
    """Looks at requests and models, and changes neither."""

    def __init__(
        self,
        models: Mapping[str, ModelState],
        context: DecisionContext,
        engines: EngineController,
        limits: ProviderLimits,
        breakers: Breakers,
        spending: Spending,
    ) -> None:
        self._models = models
        self._context = context
        self._engines = engines
        self._limits = limits
        self._breakers = breakers
        self._spending = spending

    def next(self, request: RequestState, reason: FallbackReason) -> int | None:
        """Return the index of the next target that is open to *request* for *reason* and may be loaded."""
        route, present = request.ticket.route, self._models[request.target.model]
        reasons = {reason}
        if reason is FallbackReason.BREAKER_OPEN and present.breaker.cause is not None:
            # What a rule lets pass as it happens may pass as well when it has happened too often.
            reasons.add(present.breaker.cause)
        for index in range(request.target_index + 1, len(route.targets)):
            model = self._models.get(route.targets[index].model)
            if model is None or model.removed or model.limited or not model.breaker.admits:
                continue
            if self.over_budget(model, request) is not None or self._too_dear(model, request):
                continue
            # A prompt that was too long here is too long for every window that is no larger.
            larger = reason is not FallbackReason.CONTEXT_TOO_LONG or (model.profile.context or 0) > (
                present.profile.context or 0
            )
            is_open = any(route.open_to(index, each, request.target_index) for each in reasons)
            if larger and is_open and self._engines.obtainable(model):
                return index
        return None

    def failed(self, request: RequestState, reason: FallbackReason) -> None:
        """Note that its target has failed *request* for *reason*."""
        if reason in OWN_FAULTS:
            request.faults += (_price(self._models[request.target.model]),)

    def spared(self, request: RequestState) -> str | None:
        """Return the next model that *request* is not sent to because it costs more than those that have failed it."""
        later = (self._models.get(each.model) for each in request.ticket.route.targets[request.target_index + 1 :])
        return next((each.name for each in later if each is not None and self._too_dear(each, request)), None)

    @staticmethod
    def _too_dear(model: ModelState, request: RequestState) -> bool:
        """Return whether *request* has failed for its own fault so often that money would be spent on it in vain."""
        return len(request.faults) >= _ENOUGH_FAULTS and _price(model) > max(request.faults)

    def closed(self, request: RequestState) -> Outcome | None:
        """Return why *request* is not to wait for its target, although that may be obtained; None where it may."""
        return self.left_alone(request) or self.limited(request)

    def over_budget(self, model: ModelState, request: RequestState) -> Excess | None:
        """Return why *request* may not use up at *model* what it needs there; None where it may."""
        return self._spending.excess(model, request.ticket, self._context.now, again=request.attempt > 0)

    def left_alone(self, request: RequestState) -> Outcome | None:
        """Return the outcome where the breaker of its target is open, or lets others through and *request* may go elsewhere."""
        model = self._models[request.target.model]
        if model.breaker.state is BreakerState.CLOSED:
            return None
        probing = model.breaker.state is BreakerState.HALF_OPEN
        if probing and self.next(request, FallbackReason.BREAKER_OPEN) is None:
            return None
        return FallbackReason.BREAKER_OPEN, self._breakers.error(model)

    def limited(self, request: RequestState) -> Outcome | None:
        """Return the outcome where the provider of its target refuses requests for longer than *request* may wait."""
        model = self._models[request.target.model]
        movable = model.limited and self.next(request, FallbackReason.STATUS_429) is not None
        error = self._limits.error(model, request, movable=movable)
        return None if error is None else (FallbackReason.STATUS_429, error)

    def waits_in_vain(self, model: ModelState, request: RequestState) -> bool:
        """Return whether *request* is likely to wait here until its time is up, while another target could serve it at once."""
        wait = model.wait_of(request.ticket.id)
        if wait is None or wait <= min(model.profile.limits.queue_timeout, request.expires - self._context.now):
            return False
        index = self.next(request, FallbackReason.QUEUE_TIMEOUT)
        other = None if index is None else self._models[request.ticket.route.targets[index].model]
        return other is not None and not other.queue and other.accepts(request)


def _price(model: ModelState) -> float:
    """Return what a million tokens of prompt and of answer cost together, in USD; 0 where nothing says so."""
    price = model.price
    return 0.0 if price is None else price.input + price.output
