"""The way of a request through the scheduler: served, queued, moved on to its next target, or refused.

Theory of operation. A ticket walks along its route as a `RequestState`. It joins its first target and is served at once (`Serve`)
when that model is ready and has a free slot; otherwise it waits in the model's queue, and a cold model is loaded for it. Three
things move it on to its next target: its queue time runs out, the target fails before the first content byte, or the target
cannot be loaded at all. When no target is left it is refused, once, with the reason for the last move. Every change of a model
ends in `pump`, which serves from the head of its queue while slots are free; so the order of the queue holds, and no slot stays
free while a request waits for it.

Nearly every request finds a ready model with a free slot and no queue, and leaves it so. For those, `admit` and `finish` do what
`arrived` and `finished` would, and nothing else.
"""

from collections.abc import Mapping

from hostd.domain.answer_sums import AnswerSums
from hostd.domain.budget import AtLimit
from hostd.domain.errors import Bug, HostdError
from hostd.domain.lifecycle import State
from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Ticket
from hostd.scheduling import refusal_errors, request_decisions
from hostd.scheduling.breakers import Breakers
from hostd.scheduling.circuit_breaker import COUNTED, BreakerState
from hostd.scheduling.decision_context import DecisionContext
from hostd.scheduling.decisions import Routed
from hostd.scheduling.effects import Explain, Refuse, Serve
from hostd.scheduling.engine_control import EngineController
from hostd.scheduling.events import Finished
from hostd.scheduling.model_state import ModelState
from hostd.scheduling.provider_limits import ProviderLimits
from hostd.scheduling.request_state import RequestState
from hostd.scheduling.spending import Excess, Spending
from hostd.scheduling.suspects import Suspects
from hostd.scheduling.target_choice import Outcome, TargetChoice

# Looking a member up in its class takes a call before Python 3.12, and these are asked for with each request.
_READY, _CLOSED = State.READY, BreakerState.CLOSED
_FAILURES = COUNTED | {FallbackReason.CRASHED}
_TRIED_AGAIN = frozenset({FallbackReason.CRASHED, FallbackReason.CONNECT})
"""Failures after which the last target is asked once more, as is the only one after an error, and a provider whose time is over; a
silent one would be so again."""


class RequestFlow:
    """Owns which request is where: being served by a model, or in its queue."""

    def __init__(
        self, models: Mapping[str, ModelState], context: DecisionContext, engines: EngineController, spending: Spending
    ) -> None:
        self._models = models
        self._context = context
        self._engines = engines
        self.model_of: dict[str, ModelState] = {}
        self.suspects = Suspects()
        self.limits = ProviderLimits(models, context)
        self.breakers = Breakers(context)
        self.spending = spending
        self.targets = TargetChoice(models, context, engines, self.limits, self.breakers, spending)

    def queue_position(self, ticket_id: str) -> tuple[ModelState, int] | None:
        """Return the model that a request waits for and its place in that queue, or None when it does not wait."""
        model = self.model_of.get(ticket_id)
        if model is None or ticket_id not in model.queue:
            return None
        return model, model.queue.position(ticket_id)

    def admit(self, ticket: Ticket, now: float) -> tuple[Serve, Routed] | None:
        """Serve *ticket* if its first target has a free slot and no queue; otherwise return None, having changed nothing."""
        model = self._models[ticket.route.targets[0].model]
        if self._engines.closing or self.suspects.by_digest or model.closed_to_new_since is not None:
            return None
        if model.queue.by_age or not model.has_free_slot or self.spending.excess(model, ticket, now) is not None:
            return None
        self._context.now = now
        return self._serve(model, self._entered(ticket, model))

    def finish(self, ticket_id: str, seconds: float, now: float, sums: AnswerSums | None = None) -> bool:
        """End a served request if that frees a slot which nothing waits for; otherwise return False, having changed nothing."""
        model = self.model_of.get(ticket_id)
        if model is None or model.queue.by_age or model.state is not _READY or model.closed_to_new_since is not None:
            return False
        if self._engines.admission.pending:  # an idle model may be evicted
            return False
        if model.breaker.state is not _CLOSED or ticket_id in self.spending.in_flight:
            return False
        self._context.now = now
        model.breaker.answered(ticket_id, now)
        model.learn_service(seconds)
        del self.model_of[ticket_id], model.serving[ticket_id]
        model.release_slot(ticket_id, now, sums)
        self._engines.after_release(model)
        return True

    def arrived(self, ticket: Ticket) -> None:
        """Let a new request join its first target."""
        model = self._models[ticket.route.targets[0].model]
        request = self._entered(ticket, model)
        if self._engines.closing:
            self.refuse(request, refusal_errors.closing())
        elif (error := self.suspects.refusal(request, ticket.digest, self._context.now)) is not None:
            self.refuse(request, error)
        else:
            self._join(request)

    def routed_past(self, name: str) -> None:
        """Load a model for later requests, of which one went elsewhere because it was not loaded."""
        model = self._models.get(name)
        if model is not None and self._engines.obtainable(model):
            self._engines.request_load(model, "routed_past")

    def _entered(self, ticket: Ticket, model: ModelState) -> RequestState:
        now = self._context.now
        model.asked(now)
        expires = now + model.profile.limits.total_timeout
        if ticket.deadline is not None:
            expires = min(expires, ticket.deadline)
        return RequestState(ticket, now, expires, 0, 0, ticket.route.reason, now)

    def _join(self, request: RequestState) -> None:
        """Have a request served by its target, or wait for it, or move on where the target cannot take it."""
        model = self._models[request.target.model]
        request.since = self._context.now
        if (over := self.targets.over_budget(model, request)) is not None:
            self._exceed(model, request, over)
        # Requests that wait already come first, even where a slot is free for a moment.
        elif not model.queue and model.accepts(request):
            self._act(*self._serve(model, request))
        elif not self._engines.obtainable(model):
            self.fall_back(request, *refusal_errors.down(model, self._context.now))
        elif (closed := self.targets.closed(request)) is not None:
            if model.breaker.state is not BreakerState.OPEN and not model.limited:
                # So that it is found to be back, although no request waits for it.
                self._engines.request_load(model, "turned_away")
            self.fall_back(request, *closed)
        elif len(model.queue) >= model.profile.limits.max_queue:
            # Even where no request may wait (max_queue: 0), a cold model is loaded: later ones find it ready. Not as for a request
            # that waits, without which such a load is given up.
            self._engines.request_load(model, "turned_away")
            self.fall_back(request, FallbackReason.STATUS_429, refusal_errors.queue_full(model))
        else:
            self._wait(model, request)

    def _wait(self, model: ModelState, request: RequestState, *, first: bool = False) -> None:
        model.enqueue(request, self._context.now, first=first)
        if not first and self.targets.waits_in_vain(model, request):
            model.queue.remove(request.ticket.id)
            self.fall_back(request, FallbackReason.QUEUE_TIMEOUT, refusal_errors.long_queue(model))
            return
        self.model_of[request.ticket.id] = model
        request.waiting_for_load = False
        self._set_queue_deadline(model, request)
        self._engines.request_load(model)

    def _set_queue_deadline(self, model: ModelState, request: RequestState) -> None:
        at = min(self._context.now + model.profile.limits.queue_timeout, request.expires)
        self._context.deadlines.set(("queue", request.ticket.id), at)

    def _serve(self, model: ModelState, request: RequestState) -> tuple[Serve, Routed]:
        """Give *request* a slot of *model*."""
        ticket, now = request.ticket, self._context.now
        self.spending.reserve(model, ticket, again=request.attempt > 0)
        request.attempt += 1
        request.generation = model.generation
        model.breaker.served(ticket.id)
        model.keep_alive_hint = ticket.keep_alive
        # The part of its wait that lay before the model became ready.
        if model.ready_at > request.since:
            request.loaded += model.ready_at - request.since
        request.queued += now - request.since
        model.serving[ticket.id] = request
        self.model_of[ticket.id] = model
        table = model.slot_table
        slot = None if table is None else table.take(ticket.id, ticket.conversation, now)
        serve = Serve(ticket.id, model.name, request.attempt, request.reason, request.queued, request.loaded, slot)
        return serve, request_decisions.routed(model, request)

    def _act(self, serve: Serve, routed: Routed) -> None:
        self._context.effects += (serve, Explain(routed))

    def release(self, ticket_id: str, sums: AnswerSums | None = None) -> RequestState | None:
        """Take a request out, wherever it is, and serve the next one; return it, or None where it was nowhere.

        *sums* are those of its answer, if it was answered.
        """
        model = self.model_of.pop(ticket_id, None)
        if model is None:
            return None
        model.breaker.released(ticket_id)
        model.release_slot(ticket_id, self._context.now, sums)
        if (request := model.serving.pop(ticket_id, None)) is None:
            held = model.awaiting_cause.pop(ticket_id, None)
            request = held[0] if held else model.awaiting_budget.pop(ticket_id, None) or model.queue.remove(ticket_id)
            if request is not None:
                request.queued += self._context.now - request.since
                self._context.deadlines.cancel(("queue", ticket_id))
                self._context.deadlines.cancel(("budget", ticket_id))
        self._engines.admission.changed()
        self.pump(model)
        return request

    def finished(self, event: Finished) -> None:
        """End a request that was answered, and learn from it how long that takes."""
        if model := self.model_of.get(event.ticket_id):
            model.learn_service(event.seconds)
            self.breakers.answered(model, event.ticket_id)
            self.spending.answered(event.ticket_id, event.cost, event.tokens)
        self.release(event.ticket_id, event.sums)

    def _exceed(self, model: ModelState, request: RequestState, over: Excess) -> None:
        """Do with *request* what is to be done at the limit that it would exceed at *model*."""
        now = self._context.now
        if over.at_limit is AtLimit.DEGRADE:
            self.fall_back(request, FallbackReason.BUDGET, over.error)
            return
        until = min(request.arrived + model.profile.limits.queue_timeout, request.expires)
        full = len(model.queue) + len(model.awaiting_budget) >= model.profile.limits.max_queue
        if over.at_limit is AtLimit.REFUSE or now + over.frees_in > until or full:
            self.refuse(request, over.error)
            return
        request.since = now
        model.awaiting_budget[request.ticket.id] = request
        self.model_of[request.ticket.id] = model
        self._context.deadlines.set(("budget", request.ticket.id), now + over.frees_in)

    def budget_freed(self) -> None:
        """Try those that wait for a budget again, where something of one is free that was not."""
        if not self.spending.freed:
            return
        self.spending.freed = False
        for model in self._models.values():
            for ticket_id in list(model.awaiting_budget):
                self.try_again(ticket_id)

    def try_again(self, ticket_id: str) -> None:
        """Let a request that waits for a budget join its target."""
        if (request := self.release(ticket_id)) is not None:
            self._join(request)

    def fall_back(self, request: RequestState, reason: FallbackReason, error: HostdError) -> None:
        """Move a request to the next target that may take it for *reason*, or refuse it with *error*."""
        left = self._models[request.target.model]
        self.targets.failed(request, reason)
        target_index = self.targets.next(request, reason)
        if target_index is not None:
            request.target_index, request.reason = target_index, reason
            waited = self._context.now - request.since
            self._context.explain(request_decisions.fell_back(left, request, reason, error, waited))
            self._join(request)
        elif self._is_tried_again(left, request, reason):
            # The client has seen nothing of the answer yet, and no other target is open: once more, in front, on the next engine.
            request.retried, request.since = True, self._context.now
            self._wait(left, request, first=True)
            self.pump(left)
        else:
            # Clients send a request again by themselves, which is in vain where all of its targets have failed it.
            error.retry_in_vain = error.retry_in_vain or (request.attempt > 0 and reason in _FAILURES)
            if (spared := self.targets.spared(request)) is not None:
                error.message += (
                    f" ('{spared}' costs more, and was not asked: {len(request.faults)} models have failed the request)"
                )
            self.refuse(request, error)

    def _is_tried_again(self, model: ModelState, request: RequestState, reason: FallbackReason) -> bool:
        if model.limited:
            # A provider that has said when it takes requests again is asked then, if that is within the time that one may wait.
            again = self.limits.may_be_awaited(model, request)
        else:
            again = reason in _TRIED_AGAIN or (reason is FallbackReason.STATUS_5XX and request.attempt == 1)
        return again and not request.retried and model.breaker.admits and self._engines.obtainable(model)

    def refuse(self, request: RequestState, error: HostdError) -> None:
        """Answer a request with *error*; it is nowhere any more."""
        model, ticket = self._models[request.target.model], request.ticket
        refuse = Refuse(ticket.id, error, model.name, request.attempt, request.reason, request.queued)
        self._context.effects.append(refuse)
        self._context.explain(request_decisions.refused(model, request, error))

    def queue_deadline(self, ticket_id: str) -> None:
        """End a wait whose time is up: refuse the request, move it on, or let it wait for a load that no other target spares it."""
        model = self.model_of[ticket_id]
        request, now = model.queue.get(ticket_id), self._context.now
        if request is None:
            raise Bug(f"request {ticket_id} has a deadline in a queue in which it is not")
        if now >= request.expires:
            self.release(ticket_id)
            self.refuse(request, refusal_errors.out_of_time(model, now - request.arrived))
        elif model.is_starting and self.targets.next(request, FallbackReason.QUEUE_TIMEOUT) is None:
            # No other target can answer it sooner than this load: it waits on, until its whole time is up.
            request.waiting_for_load = True
            self._context.deadlines.set(("queue", ticket_id), request.expires)
        else:
            self.release(ticket_id)
            waited = now - request.since
            self.fall_back(request, FallbackReason.QUEUE_TIMEOUT, refusal_errors.queue_timeout(model, waited))

    def model_ready(self, model: ModelState) -> None:
        """Serve the requests that waited for a load; the queue time of those with no other target starts now."""
        self.breakers.engine_ready(model)
        for request in model.queue:
            # One with another target keeps the time that it has: it will move there.
            if request.waiting_for_load or self.targets.next(request, FallbackReason.QUEUE_TIMEOUT) is None:
                request.waiting_for_load = False
                self._set_queue_deadline(model, request)
        self.pump(model)

    def pump(self, model: ModelState) -> None:
        """Serve from the head of the queue while slots are free, then see to a model that has become idle."""
        now = self._context.now
        while (request := model.queue.next(now, model.prefers(now))) is not None and model.accepts(request):
            if (over := self.targets.over_budget(model, request)) is not None:
                self._take_out(model, request)
                self._exceed(model, request, over)
                continue
            model.queue.serve(request, now)
            self._context.deadlines.cancel(("queue", request.ticket.id))
            self._act(*self._serve(model, request))
        self._engines.after_release(model)

    def clear_queue(self, model: ModelState, outcome: Outcome | None = None) -> None:
        """Move every request that waits for *model* on: it is down, or *outcome* says what else is wrong."""
        for request in self._emptied(model):
            request.loaded += self._context.now - request.since
            self.fall_back(request, *(outcome or refusal_errors.down(model, self._context.now)))

    def refuse_all(self, error: HostdError) -> None:
        """Refuse every request that waits for any model."""
        for model in self._models.values():
            held = filter(None, map(self.release, [*model.awaiting_cause, *model.awaiting_budget]))
            for request in (*self._emptied(model), *held):
                self.refuse(request, error)

    def _emptied(self, model: ModelState) -> list[RequestState]:
        """Empty the queue of *model* and return the requests that were in it, in order."""
        waiting = list(model.queue)
        for request in waiting:
            self._take_out(model, request)
        return waiting

    def _take_out(self, model: ModelState, request: RequestState) -> None:
        model.queue.remove(request.ticket.id)
        del self.model_of[request.ticket.id]
        request.queued += self._context.now - request.since
        self._context.deadlines.cancel(("queue", request.ticket.id))
