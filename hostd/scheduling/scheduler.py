"""The one decision-maker: which request is served by which model, which waits, which is refused, which engines start and stop.

Theory of operation. The scheduler has one `ModelState` per profile. A request follows its route as a `RequestState`: it joins
the model of its first target and is served at once (`Serve`) when that model is ready and has a free slot; otherwise it waits
in the model's queue, and a cold model is started for it. Three events move it to its next target: its queue timeout, a failure
of the target before the first content byte, and a target that cannot be loaded. When no target is left it is refused, once,
with the reason of the last move. Every change of a model ends in `_pump`, which serves from the head of its queue while slots
are free; so the order of arrival holds, and no slot stays free while a request waits for it.

The scheduler owns the lifecycle state of every instance; instances only report what they see. Nothing here waits or reads a
clock: deadlines are named in `Deadlines`, and the dispatcher sends `Ticked` when the earliest has passed.
"""

from collections.abc import Iterable, Mapping

from hostd.domain.errors import Bug, HostdError
from hostd.domain.host import Pool
from hostd.domain.profile import Profile
from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Ticket
from hostd.scheduling import messages
from hostd.scheduling.decision_context import DecisionContext
from hostd.scheduling.effects import Effect, Refuse, Serve
from hostd.scheduling.engine_control import EngineController
from hostd.scheduling.events import (
    Arrived,
    AttemptFailed,
    Booted,
    ClientLeft,
    EngineEvent,
    EngineFailed,
    EngineReady,
    EngineSlept,
    EngineStopped,
    Event,
    Finished,
    LoadOptionsChanged,
    LoadRequested,
    MemoryMeasured,
    ModelEvent,
    PreflightDone,
    Reconfigured,
    ScheduleChanged,
    ShutdownRequested,
    Ticked,
    UnloadRequested,
)
from hostd.scheduling.model_state import ModelState, RequestState
from hostd.scheduling.reconfiguration import Reconfiguration


class Scheduler:
    """Turns events into effects by `handle`; the rest may be read by anybody. Without *pools*, no memory is counted.

    With *options_follow*, no model is loaded before its `LoadOptionsChanged` has come; requests wait for it.
    """

    def __init__(
        self, profiles: Mapping[str, Profile], pools: Iterable[Pool] = (), *, options_follow: bool = False
    ) -> None:
        self.models = {
            name: ModelState(profile, options_known=not options_follow) for name, profile in profiles.items()
        }
        self._context = DecisionContext()
        self._engines = EngineController(self.models, self._context)
        self.admission, self.warm_policy = self._engines.admission, self._engines.warm_policy
        self.admission.ledger.measured(pools, {})
        self._reconfiguration = Reconfiguration(
            self.models, self._context, self._engines, options_follow=options_follow
        )
        self._model_of: dict[str, ModelState] = {}

    def __repr__(self) -> str:
        return f"<Desk {' '.join(repr(model) for model in self.models.values())}>"

    @property
    def settled(self) -> bool:
        """Whether every model that should be loaded at boot is ready or has failed."""
        return self._engines.preload.over

    def next_deadline(self) -> float | None:
        """Return when `Ticked` is due, or None when no deadline is set."""
        return self._context.deadlines.next()

    def position(self, ticket_id: str) -> tuple[str, int] | None:
        """Return the model that a waiting ticket waits for and its place in that queue, or None when it does not wait."""
        model = self._model_of.get(ticket_id)
        if model is None or ticket_id not in model.queue:
            return None
        return model.profile.name, model.position(ticket_id)

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take in one event at *now* (seconds on any monotonic clock) and return what is to be done, in order."""
        self._context.begin(now)
        match event:
            case Arrived(ticket):
                self._arrived(ticket)
            case Finished(ticket_id, seconds):
                self._finished(ticket_id, seconds)
            case AttemptFailed():
                self._attempt_failed(event)
            case ClientLeft(ticket_id):
                self._release(ticket_id)
            case ShutdownRequested():
                self._close()
            case Ticked():
                self._deadlines_passed()
            case _:
                self._engine_event(event)
        self._reconfiguration.advance()
        self._advance_loads()
        return self._context.effects

    def _engine_event(self, event: EngineEvent) -> None:
        match event:
            case LoadOptionsChanged(model, options, why_not):
                if model in self.models and self._reconfiguration.options_found(event):
                    self._engines.options_changed(self.models[model], options, why_not)
            case MemoryMeasured(pools, held):
                self._engines.memory_measured(pools, held)
            case ScheduleChanged(windows, demand):
                self._engines.schedule_changed(windows, demand)
            case Reconfigured(profiles):
                self._reconfiguration.apply(profiles)
            case Booted():
                self._engines.boot()
            case _ if event.model in self.models:
                self._model_event(event)
            case _:
                # An engine of a model that was removed meanwhile, or an order for one.
                pass

    def _model_event(self, event: ModelEvent) -> None:
        match event:
            case EngineReady(model):
                if self._engines.ready(event):
                    self._model_ready(self.models[model])
            case EngineFailed(model):
                if self._engines.failed(event):
                    self._clear_queue(self.models[model])
            case EngineStopped(model):
                self._engines.stopped(self.models[model])
            case EngineSlept(model):
                self._engines.slept(self.models[model])
            case PreflightDone(model):
                if self._engines.preflight_done(event):
                    self._clear_queue(self.models[model])
            case LoadRequested(model, why):
                self._engines.load(self.models[model], why)
            case UnloadRequested(model):
                self._engines.unload(self.models[model], "asked")

    def _advance_loads(self) -> None:
        """See to the loads that wait for memory, and to those whose wait this has ended."""
        while refused := self.admission.advance():
            for model, why in refused:
                self._engines.insufficient_memory(model, why)
                self._clear_queue(model, messages.no_room(model, why))
        while self._engines.unloader.reopened:
            self._pump(self._engines.unloader.reopened.pop())

    def _arrived(self, ticket: Ticket) -> None:
        request = RequestState(ticket, arrived=self._context.now, reason=ticket.route.reason)
        model = self.models[request.target.model]
        expires = self._context.now + model.profile.limits.total_timeout
        request.expires = expires if ticket.deadline is None else min(expires, ticket.deadline)
        model.request_rate.add(self._context.now)
        if self._engines.closing:
            self._refuse(request, messages.closing())
        else:
            self._join(request)

    def _join(self, request: RequestState) -> None:
        """Put an errand into the lane of its target: served, waiting, or sent on when the lane cannot take it."""
        model = self.models[request.target.model]
        request.since = self._context.now
        if model.accepts(request) and not model.queue:
            self._serve(model, request)
        elif not self._engines.obtainable(model):
            self._fall_back(request, *messages.down(model, self._context.now))
        elif len(model.queue) >= model.profile.limits.max_queue:
            self._engines.request_load(model)
            self._fall_back(request, FallbackReason.STATUS_429, messages.queue_full(model))
        else:
            self._wait(model, request)

    def _wait(self, model: ModelState, request: RequestState, *, first: bool = False) -> None:
        ticket_id = request.ticket.id
        model.queue = {ticket_id: request, **model.queue} if first else model.queue
        model.queue[ticket_id] = request
        self._model_of[ticket_id] = model
        request.waiting_for_load = False
        self._set_queue_alarm(model, request)
        self._engines.request_load(model)

    def _set_queue_alarm(self, model: ModelState, request: RequestState) -> None:
        at = self._context.now + model.profile.limits.queue_timeout
        self._context.deadlines.set(
            ("queue", request.ticket.id), at if request.expires is None else min(at, request.expires)
        )

    def _serve(self, model: ModelState, request: RequestState) -> None:
        ticket_id = request.ticket.id
        request.attempt += 1
        request.generation = model.generation
        model.keep_alive_hint = request.ticket.keep_alive
        request.loaded += max(0.0, model.ready_at - request.since)
        request.queued += self._context.now - request.since
        model.serving[ticket_id] = request
        self._model_of[ticket_id] = model
        self._context.effects.append(
            Serve(ticket_id, model.profile.name, request.attempt, request.reason, request.queued, request.loaded)
        )
        self._context.explain(
            "route",
            model,
            ticket_id,
            asked=request.ticket.route.asked,
            reason=request.reason,
            attempt=request.attempt,
            waited_ms=round(request.queued * 1000, 1),
            capacity=model.capacity,
            **model.counts,
        )

    def _release(self, ticket_id: str) -> RequestState | None:
        """Take a ticket out of wherever it is, and let the next one in."""
        model = self._model_of.pop(ticket_id, None)
        if model is None:
            return None
        request = model.serving.pop(ticket_id, None)
        if request is None:
            request = model.queue.pop(ticket_id)
            request.queued += self._context.now - request.since
            self._context.deadlines.cancel(("queue", ticket_id))
        self.admission.changed()
        self._pump(model)
        return request

    def _finished(self, ticket_id: str, seconds: float) -> None:
        if model := self._model_of.get(ticket_id):
            model.learn_service(seconds)
        self._release(ticket_id)

    def _attempt_failed(self, event: AttemptFailed) -> None:
        model = self._model_of.get(event.ticket_id)
        if model is None:
            return
        if event.reason is FallbackReason.CRASHED:
            model.suspect(event.ticket_id)
        if request := self._release(event.ticket_id):
            self._fall_back(request, event.reason, messages.failed(model, event))

    def _fall_back(self, request: RequestState, reason: FallbackReason, error: HostdError) -> None:
        """Move an errand to the next target that may take it for *reason*, or refuse it with *error*."""
        left = self.models[request.target.model]
        following = self._next_target(request, reason)
        if following is not None:
            request.target_index, request.reason = following, reason
            self._context.explain(
                "fallback",
                left,
                request.ticket.id,
                to=request.target.model,
                reason=reason,
                why=error.message,
                waited_ms=round((self._context.now - request.since) * 1000, 1),
                **left.counts,
            )
            self._join(request)
        elif (
            reason in (FallbackReason.CRASHED, FallbackReason.CONNECT)
            and not request.retried
            and self._engines.obtainable(left)
        ):
            # Nothing of the answer was seen yet and nobody else can give it: once more, in front, on the restarted engine.
            request.retried, request.since = True, self._context.now
            self._wait(left, request, first=True)
            self._pump(left)
        else:
            self._refuse(request, error)

    def _next_target(self, request: RequestState, reason: FallbackReason) -> int | None:
        context = self.models[request.target.model].profile.context
        for stop in range(request.target_index + 1, len(request.ticket.route.targets)):
            model = self.models.get(request.ticket.route.targets[stop].model)
            if model is None or model.removed:
                continue
            larger = reason is not FallbackReason.CONTEXT_TOO_LONG or (model.profile.context or 0) > (context or 0)
            allowed = request.ticket.route.open_to(stop, reason, request.target_index)
            if allowed and larger and self._engines.obtainable(model):
                return stop
        return None

    def _refuse(self, request: RequestState, error: HostdError) -> None:
        model = self.models[request.target.model]
        self._context.effects.append(
            Refuse(request.ticket.id, error, model.profile.name, request.attempt, request.reason, request.queued)
        )
        self._context.explain(
            "refusal",
            model,
            request.ticket.id,
            asked=request.ticket.route.asked,
            code=error.code,
            why=error.message,
            waited_ms=round(request.queued * 1000, 1),
            retry_after=error.retry_after,
            **model.counts,
        )

    def _queue_timeout(self, ticket_id: str) -> None:
        model = self._model_of[ticket_id]
        request = model.queue[ticket_id]
        if request.expires is not None and self._context.now >= request.expires:
            self._release(ticket_id)
            self._refuse(request, messages.out_of_time(model, self._context.now - request.arrived))
        elif model.is_starting and self._next_target(request, FallbackReason.QUEUE_TIMEOUT) is None:
            request.waiting_for_load = True
            if request.expires is not None:
                self._context.deadlines.set(("queue", ticket_id), request.expires)
        else:
            self._release(ticket_id)
            self._fall_back(
                request, FallbackReason.QUEUE_TIMEOUT, messages.queue_timeout(model, self._context.now - request.since)
            )

    def _model_ready(self, model: ModelState) -> None:
        for request in model.queue.values():
            if request.waiting_for_load or self._next_target(request, FallbackReason.QUEUE_TIMEOUT) is None:
                request.waiting_for_load = False
                self._set_queue_alarm(model, request)
        self._pump(model)

    def _pump(self, model: ModelState) -> None:
        """Serve from the head of the queue while there are places, then see to a lane that has become idle."""
        while model.queue and model.accepts(next(iter(model.queue.values()))):
            ticket_id = next(iter(model.queue))
            request = model.queue.pop(ticket_id)
            self._context.deadlines.cancel(("queue", ticket_id))
            self._serve(model, request)
        self._engines.after_release(model)

    def _empty(self, model: ModelState) -> list[RequestState]:
        waiting, model.queue = list(model.queue.values()), {}
        for request in waiting:
            del self._model_of[request.ticket.id]
            request.queued += self._context.now - request.since
            self._context.deadlines.cancel(("queue", request.ticket.id))
        return waiting

    def _clear_queue(self, model: ModelState, outcome: tuple[FallbackReason, HostdError] | None = None) -> None:
        """Send everybody who waits for a model to their next target: it is down, or *outcome* says what else is wrong."""
        for request in self._empty(model):
            request.loaded += self._context.now - request.since
            self._fall_back(request, *(outcome or messages.down(model, self._context.now)))

    def _deadlines_passed(self) -> None:
        for kind, name in self._context.deadlines.due(self._context.now):
            match kind:
                case "queue":
                    self._queue_timeout(name)
                case "idle":
                    self._engines.idle_deadline(self.models[name])
                case "restart":
                    self._engines.restart_deadline(self.models[name])
                case "drain":
                    self._engines.drain_deadline(self.models[name])
                case "room":
                    self.admission.changed()
                case "turn":
                    self._engines.turn_deadline(self.models[name])
                case "return":
                    self.warm_policy.come_back()
                case _:
                    raise Bug(f"an alarm rang that nobody knows: {kind} {name}")

    def _close(self) -> None:
        self._engines.closing = True
        for model in self.models.values():
            for request in self._empty(model):
                self._refuse(request, messages.closing())
        self._engines.close()
