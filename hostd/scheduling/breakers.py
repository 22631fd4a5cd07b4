"""The circuit breakers of all models: told how requests end and when engines come and go, and the only writer of them.

What counts is how requests end, and, of a server that hostd does not launch, that its health page no longer answers: such a
server cannot be started again, so that its requests are better off elsewhere until it is back. An engine that hostd launches and
that answers no probe either, however healthy it says it is, is replaced (`needs_new_engine`).
"""

from hostd.domain.errors import CapacityError
from hostd.domain.lifecycle import State
from hostd.domain.reason import FallbackReason
from hostd.scheduling.circuit_breaker import FIRST_WAIT, BreakerState
from hostd.scheduling.decision_context import DecisionContext
from hostd.scheduling.events import AttemptFailed
from hostd.scheduling.model_decisions import BreakerClosed, BreakerOpened
from hostd.scheduling.model_state import ModelState

REPLACED_AFTER = 3
"""Probes in a row that an engine may fail before it is replaced."""


class Breakers:
    """Opens and closes the breakers of models, and has the decisions written down."""

    def __init__(self, context: DecisionContext) -> None:
        self._context = context

    def answered(self, model: ModelState, ticket_id: str) -> None:
        """Note that *model* has answered a request in full."""
        if model.breaker.answered(ticket_id, self._context.now):
            self._closed(model)

    def attempt_failed(self, model: ModelState, event: AttemptFailed) -> bool:
        """Note that *model* has failed a request; return whether that opens its breaker."""
        # A provider's error is its own; an engine's may be about that one request, which its client sends again and again.
        digest = event.digest if model.provider is None else None
        return self._failed(
            model, event.ticket_id, event.reason, event.detail if event.logged is None else event.logged, digest
        )

    def broke_off(self, model: ModelState, ticket_id: str) -> bool:
        """Note that *model* has broken off an answer that had begun; return whether that opens its breaker.

        An engine that hostd launches breaks off all its answers at once when it crashes or hangs, and is restarted for it.
        """
        if not model.remote:
            model.breaker.released(ticket_id)
            return False
        return self._failed(model, ticket_id, FallbackReason.STALL, "it broke off an answer", None)

    def engine_failed(self, model: ModelState, why: str) -> None:
        """Note that the engine of *model*, as it is now, has failed, as *why* says."""
        if model.remote and model.state is State.READY:
            model.breaker.trip(FallbackReason.CONNECT, self._context.now)
            self._opened(model, why)

    def engine_ready(self, model: ModelState) -> None:
        """Note that *model* has a new engine, or that its server answers again."""
        if model.breaker.state is not BreakerState.CLOSED:
            model.breaker.close(self._context.now)
            self._closed(model)
        else:
            model.breaker.close(self._context.now)

    def needs_new_engine(self, model: ModelState) -> bool:
        """Return whether *model*'s engine, which hostd launched, fails whatever it is asked, so that another one is to be tried."""
        launched = model.state is State.READY and not model.remote
        return launched and model.breaker.probes_failed >= REPLACED_AFTER and not model.serving

    def error(self, model: ModelState) -> CapacityError:
        """Return the error for a request that is not sent to *model* because of its breaker."""
        breaker, now = model.breaker, self._context.now
        left = FIRST_WAIT if breaker.again_at is None else breaker.again_at - now
        return CapacityError(
            f"'{model.name}' fails too often ({breaker.cause}) and is left alone for another {max(0.0, left):.0f} s, "
            "after which one request tries it again",
            code=FallbackReason.BREAKER_OPEN,
            retry_after=left,
        )

    def _failed(self, model: ModelState, ticket_id: str, reason: FallbackReason, why: str, digest: str | None) -> bool:
        if not model.breaker.failed(ticket_id, reason, self._context.now, digest):
            return False
        self._opened(model, why)
        return True

    def _opened(self, model: ModelState, why: str) -> None:
        breaker, now = model.breaker, self._context.now
        if breaker.again_at is None or breaker.cause is None:
            return
        self._context.deadlines.set(("breaker", model.name), breaker.again_at)
        failures, count = breaker.counts(now)
        self._context.explain(BreakerOpened(model.name, breaker.cause, why, failures, count, breaker.again_at - now))

    def _closed(self, model: ModelState) -> None:
        self._context.deadlines.cancel(("breaker", model.name))
        self._context.explain(BreakerClosed(model.name, model.breaker.opened))
