"""Providers that refuse requests for a while: what one target of a provider is told holds for all of its targets.

That is status 429, and any failure with which a provider says for how long it wants to be left alone (503 and 529 do).

Until the time is up, none of them is sent a request. One that may go elsewhere goes there at once; any other waits in the queue,
where the provider takes requests again before its time there is over, and else is refused with the provider's own time.
"""

from collections.abc import Mapping

from hostd.domain.errors import CapacityError
from hostd.domain.reason import FallbackReason
from hostd.scheduling.decision_context import DecisionContext
from hostd.scheduling.events import AttemptFailed
from hostd.scheduling.model_state import ModelState
from hostd.scheduling.request_state import RequestState

UNSAID = 5.0
"""Seconds for which a provider is left alone that does not say for how long."""


class ProviderLimits:
    """Closes and opens the models of providers; nothing else writes `ModelState.limited_until`."""

    def __init__(self, models: Mapping[str, ModelState], context: DecisionContext) -> None:
        self._models = models
        self._context = context

    def refused(self, model: ModelState, event: AttemptFailed) -> list[ModelState]:
        """Close the models of *model*'s provider, where *event* is its refusal of a request; return them."""
        provider = model.provider
        if provider is None or (event.reason is not FallbackReason.STATUS_429 and event.retry_after is None):
            return []
        until = self._context.now + (UNSAID if event.retry_after is None else event.retry_after)
        closed = self._of(provider)
        # Several requests may be refused together: the longest time counts.
        until = max(until, *(each.limited_until or 0.0 for each in closed))
        for each in closed:
            each.limited_until = until
        self._context.deadlines.set(("provider", provider), until)
        return closed

    def over(self) -> list[ModelState]:
        """Open the models whose time is up again; return them."""
        # By the time alone: a model may have another provider by now, or none.
        now = self._context.now
        opened = [
            each for each in self._models.values() if each.limited_until is not None and each.limited_until <= now
        ]
        for model in opened:
            model.limited_until = None
        return opened

    def may_be_awaited(self, model: ModelState, request: RequestState) -> bool:
        """Return whether *model* takes requests again before *request*, which it has just refused, has waited too long for it."""
        until, now = model.limited_until, self._context.now
        if until is None or len(model.queue) >= model.profile.limits.max_queue:
            return False
        return until < min(now + model.profile.limits.queue_timeout, request.expires)

    def error(self, model: ModelState, request: RequestState, *, movable: bool) -> CapacityError | None:
        """Return why *request* is not to wait for *model*, whose provider refuses requests; None where it may.

        *movable* says that another target may answer it.
        """
        until, now = model.limited_until, self._context.now
        if until is None or not model.limited:
            return None
        queue_ends = min(request.since + model.profile.limits.queue_timeout, request.expires)
        if not movable and until < queue_ends:
            return None
        return CapacityError(
            f"'{model.name}' takes no requests for {until - now:.0f} s: its provider has refused one, and takes none until then",
            code=FallbackReason.STATUS_429,
            status=429,
            retry_after=until - now,
        )

    def _of(self, provider: str) -> list[ModelState]:
        return [model for model in self._models.values() if model.provider == provider]
