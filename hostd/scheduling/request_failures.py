"""What follows when a target fails a request: its move to the next one, the cause of a crash, and the target's breaker."""

from hostd.domain.lifecycle import State
from hostd.domain.reason import FallbackReason
from hostd.scheduling import refusal_errors
from hostd.scheduling.circuit_breaker import BreakerState
from hostd.scheduling.decision_context import DecisionContext
from hostd.scheduling.engine_control import EngineController
from hostd.scheduling.events import AttemptFailed, ClientLeft, EngineFailed
from hostd.scheduling.model_state import ModelState
from hostd.scheduling.request_flow import RequestFlow
from hostd.scheduling.request_state import RequestState

CAUSE_KNOWN = 5.0
"""Seconds for which a request waits for the cause of its engine's death. The instance tells it once nothing of the engine is
left, which takes tens of milliseconds, except where a process hangs in a driver."""


class RequestFailures:
    """Decides after a failure, and has *flow* move the requests."""

    def __init__(self, flow: RequestFlow, context: DecisionContext, engines: EngineController) -> None:
        self._flow = flow
        self._context = context
        self._engines = engines

    def attempt_failed(self, event: AttemptFailed) -> None:
        """Move a request on whose target has failed it."""
        model = self._flow.model_of.get(event.ticket_id)
        if model is None:
            return
        # The request sees a crash before the instance reports it: in between, no other is sent there.
        if event.reason is FallbackReason.CRASHED:
            model.suspect(event.ticket_id)
        request = model.serving.get(event.ticket_id)
        if request is None or event.digest is None or request.generation != model.generation:
            self._move_on(model, event)
        elif model.suspected_dead and event.reason is FallbackReason.CRASHED:
            self._await_cause(model, request, event)
        else:
            # Should the engine turn out to hang, this request may be why.
            model.unanswered[event.ticket_id] = event.digest
            self._move_on(model, event)

    def _move_on(self, model: ModelState, event: AttemptFailed) -> None:
        # Before its slot is free: the next request would be sent to a provider that has just refused one.
        closed = self._flow.limits.refused(model, event)
        self._tell_breaker(model, event)
        if event.reason is FallbackReason.CHECK_FAILED:
            self._flow.spending.answered(event.ticket_id, event.cost, event.tokens)
        else:
            self._flow.spending.left(event.ticket_id, event.reason)
        if request := self._flow.release(event.ticket_id):
            self._flow.fall_back(request, event.reason, refusal_errors.failed(model, event))
        self.breaker_changed(model)
        for waiting in [each for other in closed for each in other.queue]:
            if (limited := self._flow.targets.limited(waiting)) is not None and self._flow.release(waiting.ticket.id):
                self._flow.fall_back(waiting, *limited)

    def _tell_breaker(self, model: ModelState, event: AttemptFailed) -> None:
        request = model.serving.get(event.ticket_id)
        # What an engine that has been replaced meanwhile did says nothing about the new one.
        if request is not None and model.state is State.READY and request.generation == model.generation:
            self._flow.breakers.attempt_failed(model, event)

    def breaker_changed(self, model: ModelState) -> None:
        """Move the requests on that wait for a model whose breaker is open, and replace an engine that answers no probe."""
        if model.breaker.state is not BreakerState.OPEN:
            return
        for waiting in list(model.queue):
            outcome = self._flow.targets.left_alone(waiting)
            if outcome is not None and self._flow.release(waiting.ticket.id):
                self._flow.fall_back(waiting, *outcome)
        if self._flow.breakers.needs_new_engine(model) and not self._engines.closing:
            self._engines.unload(model, "unresponsive")
            model.start_requested = True

    def breaker_deadline(self, model: ModelState) -> None:
        """Let one request through to a model that was left alone."""
        model.breaker.let_through()
        self._flow.pump(model)

    def _await_cause(self, model: ModelState, request: RequestState, event: AttemptFailed) -> None:
        """Keep a request from other engines until its own engine's instance tells what that one died of."""
        self._flow.spending.left(event.ticket_id, event.reason)
        self._flow.release(event.ticket_id)
        model.awaiting_cause[event.ticket_id] = (request, event)
        self._flow.model_of[event.ticket_id] = model
        request.since = self._context.now
        self._context.deadlines.set(("queue", event.ticket_id), min(request.since + CAUSE_KNOWN, request.expires))

    def client_left(self, event: ClientLeft) -> None:
        """Take out a request whose client has gone."""
        model = self._flow.model_of.get(event.ticket_id)
        if model is not None and event.digest is not None and event.ticket_id in model.serving:
            model.unanswered[event.ticket_id] = event.digest
        if model is not None and event.broke_off and event.ticket_id in model.serving:
            self._flow.breakers.broke_off(model, event.ticket_id)
        self._flow.spending.left(event.ticket_id)
        self._flow.release(event.ticket_id)
        if model is not None:
            self.breaker_changed(model)

    def charge_crash(self, model: ModelState, event: EngineFailed) -> tuple[str, ...]:
        """Charge a crash to the requests that may be its cause; return their ids."""
        return self._flow.suspects.charge_crash(model, event, self._context)

    def cause_known(self, model: ModelState) -> None:
        """Refuse or move on the requests that waited for the cause of a crash."""
        for ticket_id, (request, failed) in list(model.awaiting_cause.items()):
            self._flow.release(ticket_id)
            if (error := self._flow.suspects.refusal(request, failed.digest, self._context.now)) is not None:
                self._flow.refuse(request, error)
            else:
                self._flow.fall_back(request, failed.reason, refusal_errors.failed(model, failed))

    def cause_deadline(self, ticket_id: str) -> bool:
        """Move a request on that has waited for long enough for the cause of a crash; return whether it did."""
        model = self._flow.model_of.get(ticket_id)
        held = None if model is None else model.awaiting_cause.get(ticket_id)
        if model is None or held is None:
            return False
        self._move_on(model, held[1])
        return True
