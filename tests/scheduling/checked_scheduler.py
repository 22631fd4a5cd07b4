"""A scheduler that is checked: whatever happens to it, everything that must hold is checked before the next event.

The engines here do what real ones may: start, fail to load, die unseen, report late, stop when they like.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hypothesis.stateful import RuleBasedStateMachine

from hostd.domain.lifecycle import State
from hostd.domain.profile import Profile
from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Ticket
from hostd.scheduling.circuit_breaker import COUNTED, LONGEST_WAIT, BreakerState
from hostd.scheduling.decisions import Decision, FellBack
from hostd.scheduling.effects import (
    Effect,
    Explain,
    Prove,
    Refuse,
    Remove,
    RunPreflight,
    Serve,
    Sleep,
    Start,
    Stop,
    Wake,
)
from hostd.scheduling.events import AttemptFailed, Event, Ticked
from hostd.scheduling.queue import RequestQueue
from hostd.scheduling.restart import COOL_DOWN, LONGEST_DELAY
from hostd.scheduling.scheduler import Scheduler
from hostd.scheduling.view import QueuePosition


def ids(queue: RequestQueue) -> list[str]:
    """Return the ids of the requests in *queue*, in order."""
    return [request.ticket.id for request in queue]


@dataclass
class Engine:
    """What really runs, as opposed to what the scheduler believes. *slots* is 0 until it is ready."""

    runs: bool = False
    slots: int = 0
    dead: bool = False
    told_to_stop: bool = False
    seen_dead: bool = False
    life: int = 0


@dataclass
class Known:
    """What is known of a ticket from the verdicts alone. *served_by* is a model and the life of its engine."""

    ticket: Ticket
    arrived: float
    expires: float
    served_by: tuple[str, int] | None = None
    attempts: int = 0
    over: bool = False
    model: str | None = None
    joined: float = 0.0
    reasons: list[FallbackReason] = field(default_factory=list)

    @property
    def waits(self) -> bool:
        """Whether a verdict is due."""
        return not self.over and self.served_by is None


class Watched(RuleBasedStateMachine):
    """A scheduler, its engines as they really are, and its tickets as their clients see them; no rules yet."""

    make_scheduler: type[Scheduler] = Scheduler

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.scheduler = Scheduler({})
        self.profiles: Mapping[str, Profile] = {}
        self.engines: dict[str, Engine] = {}
        self.tickets: dict[str, Known] = {}
        self.closing = False
        self.booted = False
        self.sound = True

    # What must hold.

    def _fail(self, known: Known, reason: FallbackReason, digest: str | None = None) -> None:
        known.served_by = None
        self._tell(AttemptFailed(known.ticket.id, reason, "it said so", digest=digest))

    def _tick(self) -> None:
        due = self.scheduler.next_deadline()
        if due is None or due > self.now:
            return
        self._tell(Ticked())
        self.sound = False
        assert (self.scheduler.next_deadline() or self.now + 1) > self.now, "a deadline that was reached is still set"
        for known in self._open():
            if known.waits:
                self._check_not_overdue(known)
        for model in self.scheduler.models.values():
            if model.state is State.DRAINING:
                assert ("drain", model.profile.name) in self.scheduler._context.deadlines
        self.sound = True

    def _check_not_overdue(self, known: Known) -> None:
        assert self.now < known.expires
        model = self.scheduler.models[str(known.model)]
        if model.state is State.READY and not model.suspected_dead and model.closed_to_new_since is None:
            assert self.now < max(known.joined, model.ready_at) + model.profile.limits.queue_timeout

    def _tell(self, event: Event) -> None:
        """Let *event* happen, do what the scheduler asks for, and check everything that must hold between events."""
        self.sound = False
        queues = {name: ids(model.queue) for name, model in self.scheduler.models.items()}
        for effect in self.scheduler.handle(event, self.now):
            match effect:
                case Serve():
                    self._check_serve(effect, queues)
                case Refuse():
                    known = self.tickets[effect.ticket_id]
                    assert known.waits, "a second verdict"
                    assert effect.attempts == known.attempts
                    assert 0.0 <= effect.waited <= self.now - known.arrived + 1e-9 * self.now
                    assert effect.error.retry_after is None or 1.0 <= effect.error.retry_after <= 60.0
                    known.over = True
                case Start(model):
                    engine = self.engines[model]
                    assert not engine.runs, "a start of what runs"
                    assert not self.closing, "a start while closing"
                    self.engines[model] = Engine(runs=True, life=engine.life + 1)
                case Stop(model):
                    engine = self.engines[model]
                    assert engine.runs, "a stop of what does not run"
                    assert not engine.told_to_stop, "a second stop"
                    engine.told_to_stop = True
                case Remove(model):
                    assert not self.engines.pop(model).runs, "an engine that cannot be stopped any more"
                case Explain(decision):
                    self._check_reason(decision)
                case RunPreflight() | Sleep() | Wake() | Prove():
                    pass
            self._saw(effect)
        self._check_tickets()
        self._check_lanes()
        self._check_breakers()
        self._check_returns()
        self.sound = True

    def _saw(self, effect: Effect) -> None:
        """Note one effect; for those who watch more."""

    def _check_serve(self, serve: Serve, queues: dict[str, list[str]]) -> None:
        known, engine = self.tickets[serve.ticket_id], self.engines[serve.model]
        assert known.waits, "a second verdict"
        known.attempts += 1
        assert known.attempts == serve.attempt
        assert 0.0 <= serve.loaded <= serve.waited + 1e-9 * self.now
        assert serve.waited <= self.now - known.arrived + 1e-9 * self.now
        assert serve.model in [target.model for target in known.ticket.route.targets]
        assert (known.reasons[-1] if known.reasons else None) == serve.reason
        assert engine.slots > 0, "served by an engine that is not ready"
        assert not engine.told_to_stop, "served by an engine that is to stop"
        assert not engine.seen_dead, "served by an engine that is known to be dead"
        known.served_by = (serve.model, engine.life)
        before = queues[serve.model]
        ahead = before[: before.index(serve.ticket_id)] if serve.ticket_id in before else before
        overtaken = [other for other in ahead if self.tickets[other].waits and self.tickets[other].model == serve.model]
        # One that is late already gives way to those that can still be in time; one service in some goes to the oldest.
        aged = self.scheduler.models[serve.model].serving[serve.ticket_id].ages_at <= self.now
        waiting = [self.scheduler.models[serve.model].queue.get(other) for other in overtaken]
        still_there = [other.ticket.id for other in waiting if other is not None and other.late_at >= self.now]
        assert aged or [] == still_there, "served before a request that was there first"
        in_flight = len(self.scheduler.models[serve.model].serving)
        assert in_flight <= min(self.profiles[serve.model].limits.max_concurrent, engine.slots)

    def _check_reason(self, decision: Decision) -> None:
        if not isinstance(decision, FellBack):
            return
        known = self.tickets[decision.ticket_id]
        targets = {target.model: target for target in known.ticket.route.targets}
        order = list(targets)
        assert order.index(decision.model) < order.index(decision.to)
        breaker_open = decision.reason is FallbackReason.BREAKER_OPEN
        # Whoever takes what fails now takes what fails too often.
        assert decision.reason in targets[decision.to].on or (breaker_open and COUNTED & targets[decision.to].on)
        known.reasons.append(decision.reason)

    def _check_tickets(self) -> None:
        """Check that each ticket is in exactly one place, and has a deadline while it waits."""
        waiting = {ticket_id: name for name, model in self.scheduler.models.items() for ticket_id in ids(model.queue)}
        serving = {ticket_id: name for name, model in self.scheduler.models.items() for ticket_id in model.serving}
        assert sum(len(model.queue) + len(model.serving) for model in self.scheduler.models.values()) == len(
            waiting | serving
        )
        held = {ticket_id: name for name, model in self.scheduler.models.items() for ticket_id in model.awaiting_cause}
        assert {known.ticket.id for known in self._open() if known.waits} == waiting.keys() | held.keys()
        for ticket_id, name in held.items():
            self.tickets[ticket_id].model = name
            assert ("queue", ticket_id) in self.scheduler._context.deadlines, (
                "it waits for ever for the cause of a crash"
            )
        assert {known.ticket.id: (known.served_by or ("",))[0] for known in self._served()} == serving
        for ticket_id, model in waiting.items():
            known = self.tickets[ticket_id]
            if known.model != model:
                known.model, known.joined = model, self.now
            assert self.scheduler._context.deadlines.at(("queue", ticket_id)) <= known.expires, "a wait without an end"
            place = ids(self.scheduler.models[model].queue).index(ticket_id) + 1
            expected = QueuePosition(
                model,
                self.scheduler.models[model].reported_state,
                place,
                self.scheduler.models[model].wait_of(ticket_id),
            )
            assert self.scheduler.position(ticket_id) == expected
        for ticket_id in serving:
            self.tickets[ticket_id].model = None

    def _check_lanes(self) -> None:
        """Check that each model knows what its engine does, and leaves no slot free and no queue without hope."""
        for name, model in self.scheduler.models.items():
            engine = self.engines[name]
            assert engine.runs == (model.state not in (State.COLD, State.FAILED)), f"{model} but {engine}"
            assert engine.told_to_stop == (model.state is State.STOPPING), f"{model} but {engine}"
            if model.state is State.READY:
                assert engine.slots == model.slots
            assert engine.dead or not model.suspected_dead, f"{model} is given up, but {engine}"
            if model.queue:
                assert not model.accepts(next(iter(model.queue))), f"a request waits beside a free slot: {model}"
                assert model.state is State.READY or model.is_starting, f"a request waits for nothing: {model}"
                assert not self.closing, f"a request waits while hostd shuts down: {model}"
            if model.closed_to_new_since is not None:
                assert ("turn", name) in self.scheduler._context.deadlines or model.closed_to_new_since < 0, (
                    f"its turn has no end: {model}"
                )
                assert model.serving, f"its turn is over, but it stays: {model}"
            if model.state is State.DRAINING:
                assert model.serving, f"drained, but not stopped: {model}"
            if (
                model.state is State.READY
                and model.idle
                and not model.suspected_dead
                and not self.scheduler.engines.warm_policy.stays(model)
            ):
                assert ("idle", name) in self.scheduler._context.deadlines, f"idle for ever: {model}"

    def _check_breakers(self) -> None:
        """Check that no breaker is open for ever, that no request waits for one, and that one that probes waits for that alone."""
        for name, model in self.scheduler.models.items():
            breaker = model.breaker
            if breaker.state is BreakerState.OPEN:
                assert (
                    self.now - 1e-6
                    <= self.scheduler._context.deadlines.at(("breaker", name))
                    <= self.now + LONGEST_WAIT
                )
                assert not model.queue, f"a request waits for a breaker that is open: {model}"
            if breaker.probe is not None:
                assert breaker.state is BreakerState.HALF_OPEN
                assert breaker.probe in model.serving, f"a probe that nobody makes: {model}"

    def _check_returns(self) -> None:
        """Check that each request that waits has a load under way or one that is due, and that whatever failed comes back."""
        deadlines, policy = self.scheduler._context.deadlines, self.scheduler.engines.warm_policy
        for name, model in self.scheduler.models.items():
            again_at, coming = model.restarts.again_at, model.pending_load is not None
            assert again_at == (deadlines.at(("restart", name)) if ("restart", name) in deadlines else None)
            if again_at is not None:
                assert model.state is State.FAILED, f"a restart of what has not failed: {model}"
                assert again_at <= self.now + LONGEST_DELAY
            if model.queue and model.state in (State.COLD, State.FAILED, State.SLEEPING):
                assert coming or again_at is not None, f"a request waits for a load that nothing brings: {model}"
            if model.state is State.FAILED and not coming and again_at is None and not self.closing:
                assert (model.restarts.closed_until or 0.0) <= self.now + COOL_DOWN, f"no request gets it back: {model}"
                assert name not in policy.declared or ("return", "") in deadlines, f"down for ever: {model}"
        if not self.closing:
            assert not policy.missing() or ("return", "") in deadlines, f"away for ever: {policy.missing()}"

    # Who is where.

    def _engine_is_doomed(self, model: str) -> bool:
        return self.engines[model].dead or self.engines[model].told_to_stop

    def _open(self) -> list[Known]:
        return [known for known in self.tickets.values() if not known.over]

    def _served(self) -> list[Known]:
        return [known for known in self._open() if known.served_by]

    def _bereft(self) -> list[Known]:
        """Return the tickets whose engine has died or is gone."""
        lives = {(name, engine.life) for name, engine in self.engines.items() if engine.runs and not engine.dead}
        return [known for known in self._served() if known.served_by not in lives]

    def _those(self, *, loading: bool) -> list[str]:
        """Return the models whose engine runs and is not dead: those without, or those with places."""
        alive = ((name, engine) for name, engine in self.engines.items() if engine.runs and not engine.dead)
        return [name for name, engine in alive if loading == (engine.slots == 0)]

    def _ending(self) -> list[str]:
        """Return the models whose engine may be gone in the next moment."""
        return [
            name
            for name, engine in self.engines.items()
            if engine.runs and (engine.dead or engine.told_to_stop or engine.slots == 0)
        ]
