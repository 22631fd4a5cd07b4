"""The only decision-maker: who is served where, who waits, who is turned away, which engines start and stop.

Theory of operation. The desk has one `Lane` per profile. A ticket walks along its route as an `Errand`: it joins the lane
of its first target and is served at once (`Serve`) when that model is ready and has a place; otherwise it waits in the
lane's queue, and a cold model is started for it. Three things take it on to its next target: its queue time runs out, the
target fails before the first content byte, or the target cannot be had at all. When no target is left it is refused, once,
with the reason for the last move. Every change of a lane ends in `_pump`, which serves from the head of its queue while
there are places; so the order of arrival holds, and no place stays empty while somebody waits for it.

The desk owns the lifecycle state of every instance; instances only report what they see. Nothing here waits or reads a
clock: deadlines are named in `alarms`, and whoever runs the desk sends `Ticked` when the earliest has passed.
"""

from collections.abc import Iterable, Mapping

from hostd.domain.errors import Bug, HostdError
from hostd.domain.host import Pool
from hostd.domain.profile import Profile
from hostd.domain.reason import Reason
from hostd.domain.ticket import Ticket
from hostd.scheduling import messages
from hostd.scheduling.decision_context import Turn
from hostd.scheduling.effects import Effect, Refuse, Serve
from hostd.scheduling.engine_control import Engines
from hostd.scheduling.events import (
    Appraised,
    Arrived,
    AttemptFailed,
    Booted,
    CalendarTurned,
    Checked,
    ClosingTime,
    EngineBroke,
    EngineEvent,
    EngineGone,
    EngineReady,
    EngineSlept,
    Event,
    Finished,
    Left,
    LoadAsked,
    MemorySeen,
    Ticked,
    UnloadAsked,
)
from hostd.scheduling.model_state import Errand, Lane


class Desk:
    """Turns events into effects by `handle`; the rest may be read by anybody. Without *pools*, no memory is counted."""

    def __init__(self, profiles: Mapping[str, Profile], pools: Iterable[Pool] = ()) -> None:
        self.lanes = {name: Lane(profile) for name, profile in profiles.items()}
        self._turn = Turn()
        self._engines = Engines(self.lanes, self._turn)
        self.room, self.keeping = self._engines.room, self._engines.keeping
        self.room.ledger.seen(pools, {})
        self._where: dict[str, Lane] = {}

    def __repr__(self) -> str:
        return f"<Desk {' '.join(repr(lane) for lane in self.lanes.values())}>"

    @property
    def settled(self) -> bool:
        """Whether every model that should be loaded at boot is ready or has failed."""
        return self._engines.preload.over

    def next_deadline(self) -> float | None:
        """Return when `Ticked` is due, or None when no deadline is set."""
        return self._turn.alarms.next()

    def position(self, ticket_id: str) -> tuple[str, int] | None:
        """Return the model that a waiting ticket waits for and its place in that queue, or None when it does not wait."""
        lane = self._where.get(ticket_id)
        if lane is None or ticket_id not in lane.queue:
            return None
        return lane.profile.name, lane.position(ticket_id)

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take in one event at *now* (seconds on any monotonic clock) and return what is to be done, in order."""
        self._turn.begin(now)
        match event:
            case Arrived(ticket):
                self._arrived(ticket)
            case Finished(ticket_id, seconds):
                self._finished(ticket_id, seconds)
            case AttemptFailed():
                self._attempt_failed(event)
            case Left(ticket_id):
                self._release(ticket_id)
            case ClosingTime():
                self._close()
            case Ticked():
                self._ring()
            case _:
                self._engine_event(event)
        self._make_room()
        return self._turn.effects

    def _engine_event(self, event: EngineEvent) -> None:
        match event:
            case EngineReady(model):
                if self._engines.ready(event):
                    self._let_in(self.lanes[model])
            case EngineBroke(model):
                if self._engines.broke(event):
                    self._clear_queue(self.lanes[model])
            case EngineGone(model):
                self._engines.gone(self.lanes[model])
            case EngineSlept(model):
                self._engines.slept(self.lanes[model])
            case Appraised(model, choices, why_not):
                self._engines.appraised(self.lanes[model], choices, why_not)
            case Checked(model):
                if self._engines.checked(event):
                    self._clear_queue(self.lanes[model])
            case MemorySeen(pools, held):
                self._engines.memory_seen(pools, held)
            case CalendarTurned(windows, demand):
                self._engines.calendar_turned(windows, demand)
            case LoadAsked(model, why):
                self._engines.load(self.lanes[model], why)
            case UnloadAsked(model):
                self._engines.unload(self.lanes[model], "asked")
            case Booted():
                self._engines.boot()

    def _make_room(self) -> None:
        """See to the loads that wait for memory, and to those whose wait this has ended."""
        while refused := self.room.advance():
            for lane, why in refused:
                self._engines.no_room(lane, why)
                self._clear_queue(lane, messages.no_room(lane, why))
        while self._engines.leaving.reopened:
            self._pump(self._engines.leaving.reopened.pop())

    def _arrived(self, ticket: Ticket) -> None:
        errand = Errand(ticket, arrived=self._turn.now, reason=ticket.route.reason)
        lane = self.lanes[errand.target.model]
        total = lane.profile.limits.total_timeout
        errand.expires = self._turn.now + (total if ticket.timeout is None else min(total, ticket.timeout))
        lane.heat.add(self._turn.now)
        if self._engines.closing:
            self._refuse(errand, messages.closing())
        else:
            self._join(errand)

    def _join(self, errand: Errand) -> None:
        """Put an errand into the lane of its target: served, waiting, or sent on when the lane cannot take it."""
        lane = self.lanes[errand.target.model]
        errand.since = self._turn.now
        if lane.takes(errand) and not lane.queue:
            self._serve(lane, errand)
        elif not self._engines.obtainable(lane):
            self._send_on(errand, *messages.down(lane, self._turn.now))
        elif len(lane.queue) >= lane.profile.limits.max_queue:
            self._engines.summon(lane)
            self._send_on(errand, Reason.STATUS_429, messages.queue_full(lane))
        else:
            self._wait(lane, errand)

    def _wait(self, lane: Lane, errand: Errand, *, first: bool = False) -> None:
        ticket_id = errand.ticket.id
        lane.queue = {ticket_id: errand, **lane.queue} if first else lane.queue
        lane.queue[ticket_id] = errand
        self._where[ticket_id] = lane
        errand.patient = False
        self._set_queue_alarm(lane, errand)
        self._engines.summon(lane)

    def _set_queue_alarm(self, lane: Lane, errand: Errand) -> None:
        at = self._turn.now + lane.profile.limits.queue_timeout
        self._turn.alarms.set(("queue", errand.ticket.id), at if errand.expires is None else min(at, errand.expires))

    def _serve(self, lane: Lane, errand: Errand) -> None:
        ticket_id = errand.ticket.id
        errand.attempt += 1
        errand.life = lane.life
        lane.hint = errand.ticket.keep_alive
        errand.loaded += max(0.0, lane.ready_at - errand.since)
        errand.queued += self._turn.now - errand.since
        lane.serving[ticket_id] = errand
        self._where[ticket_id] = lane
        self._turn.effects.append(
            Serve(ticket_id, lane.profile.name, errand.attempt, errand.reason, errand.queued, errand.loaded)
        )
        self._turn.explain(
            "route",
            lane,
            ticket_id,
            asked=errand.ticket.route.asked,
            reason=errand.reason,
            attempt=errand.attempt,
            waited_ms=round(errand.queued * 1000, 1),
            capacity=lane.capacity,
            **lane.crowd,
        )

    def _release(self, ticket_id: str) -> Errand | None:
        """Take a ticket out of wherever it is, and let the next one in."""
        lane = self._where.pop(ticket_id, None)
        if lane is None:
            return None
        errand = lane.serving.pop(ticket_id, None)
        if errand is None:
            errand = lane.queue.pop(ticket_id)
            errand.queued += self._turn.now - errand.since
            self._turn.alarms.cancel(("queue", ticket_id))
        self.room.changed()
        self._pump(lane)
        return errand

    def _finished(self, ticket_id: str, seconds: float) -> None:
        if lane := self._where.get(ticket_id):
            lane.learn_service(seconds)
        self._release(ticket_id)

    def _attempt_failed(self, event: AttemptFailed) -> None:
        lane = self._where.get(event.ticket_id)
        if lane is None:
            return
        if event.reason is Reason.CRASHED:
            lane.suspect(event.ticket_id)
        if errand := self._release(event.ticket_id):
            self._send_on(errand, event.reason, messages.failed(lane, event))

    def _send_on(self, errand: Errand, reason: Reason, error: HostdError) -> None:
        """Move an errand to the next target that may take it for *reason*, or refuse it with *error*."""
        left = self.lanes[errand.target.model]
        following = self._following(errand, reason)
        if following is not None:
            errand.stop, errand.reason = following, reason
            self._turn.explain(
                "fallback",
                left,
                errand.ticket.id,
                to=errand.target.model,
                reason=reason,
                why=error.message,
                waited_ms=round((self._turn.now - errand.since) * 1000, 1),
                **left.crowd,
            )
            self._join(errand)
        elif reason in (Reason.CRASHED, Reason.CONNECT) and not errand.retried and self._engines.obtainable(left):
            # Nothing of the answer was seen yet and nobody else can give it: once more, in front, on the restarted engine.
            errand.retried, errand.since = True, self._turn.now
            self._wait(left, errand, first=True)
            self._pump(left)
        else:
            self._refuse(errand, error)

    def _following(self, errand: Errand, reason: Reason) -> int | None:
        context = self.lanes[errand.target.model].profile.context
        for stop in range(errand.stop + 1, len(errand.ticket.route.targets)):
            lane = self.lanes[errand.ticket.route.targets[stop].model]
            larger = reason is not Reason.CONTEXT_TOO_LONG or (lane.profile.context or 0) > (context or 0)
            allowed = errand.ticket.route.open_to(stop, reason, errand.stop)
            if allowed and larger and self._engines.obtainable(lane):
                return stop
        return None

    def _refuse(self, errand: Errand, error: HostdError) -> None:
        lane = self.lanes[errand.target.model]
        self._turn.effects.append(
            Refuse(errand.ticket.id, error, lane.profile.name, errand.attempt, errand.reason, errand.queued)
        )
        self._turn.explain(
            "refusal",
            lane,
            errand.ticket.id,
            asked=errand.ticket.route.asked,
            code=error.code,
            why=error.message,
            waited_ms=round(errand.queued * 1000, 1),
            retry_after=error.retry_after,
            **lane.crowd,
        )

    def _queue_time_up(self, ticket_id: str) -> None:
        lane = self._where[ticket_id]
        errand = lane.queue[ticket_id]
        if errand.expires is not None and self._turn.now >= errand.expires:
            self._release(ticket_id)
            self._refuse(errand, messages.out_of_time(lane, self._turn.now - errand.arrived))
        elif lane.coming and self._following(errand, Reason.QUEUE_TIMEOUT) is None:
            errand.patient = True
            if errand.expires is not None:
                self._turn.alarms.set(("queue", ticket_id), errand.expires)
        else:
            self._release(ticket_id)
            self._send_on(errand, Reason.QUEUE_TIMEOUT, messages.queue_timeout(lane, self._turn.now - errand.since))

    def _let_in(self, lane: Lane) -> None:
        for errand in lane.queue.values():
            if errand.patient or self._following(errand, Reason.QUEUE_TIMEOUT) is None:
                errand.patient = False
                self._set_queue_alarm(lane, errand)
        self._pump(lane)

    def _pump(self, lane: Lane) -> None:
        """Serve from the head of the queue while there are places, then see to a lane that has become idle."""
        while lane.queue and lane.takes(next(iter(lane.queue.values()))):
            ticket_id = next(iter(lane.queue))
            errand = lane.queue.pop(ticket_id)
            self._turn.alarms.cancel(("queue", ticket_id))
            self._serve(lane, errand)
        self._engines.rest(lane)

    def _empty(self, lane: Lane) -> list[Errand]:
        waiting, lane.queue = list(lane.queue.values()), {}
        for errand in waiting:
            del self._where[errand.ticket.id]
            errand.queued += self._turn.now - errand.since
            self._turn.alarms.cancel(("queue", errand.ticket.id))
        return waiting

    def _clear_queue(self, lane: Lane, outcome: tuple[Reason, HostdError] | None = None) -> None:
        """Send everybody who waits for a model to their next target: it is down, or *outcome* says what else is wrong."""
        for errand in self._empty(lane):
            errand.loaded += self._turn.now - errand.since
            self._send_on(errand, *(outcome or messages.down(lane, self._turn.now)))

    def _ring(self) -> None:
        for kind, name in self._turn.alarms.due(self._turn.now):
            match kind:
                case "queue":
                    self._queue_time_up(name)
                case "idle":
                    self._engines.idle_time_up(self.lanes[name])
                case "restart":
                    self._engines.restart_time_up(self.lanes[name])
                case "drain":
                    self._engines.drain_time_up(self.lanes[name])
                case "room":
                    self.room.changed()
                case "turn":
                    self._engines.turn_over(self.lanes[name])
                case "return":
                    self.keeping.come_back()
                case _:
                    raise Bug(f"an alarm rang that nobody knows: {kind} {name}")

    def _close(self) -> None:
        self._engines.closing = True
        for lane in self.lanes.values():
            for errand in self._empty(lane):
                self._refuse(errand, messages.closing())
        self._engines.close()
