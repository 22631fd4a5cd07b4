"""What all peers have in common: requests wait by model, a ready engine takes them while it has places, and somebody makes room.

A peer is this and a `BaselinePolicy`. In what is not the policy's business the peers are as good as hostd: they serve in order of
arrival, keep the same limits, load several models at once where there is memory, stop no engine that is busy, know that an
engine's memory is back as soon as it is, and place a load wherever it fits.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hostd.domain.errors import CapacityError
from hostd.domain.lifecycle import State, Transition, after
from hostd.domain.profile import Profile
from hostd.scheduling.deadlines import Deadlines
from hostd.scheduling.effects import Effect, Refuse, Serve, Start, Stop
from hostd.scheduling.events import Arrived, ClientLeft, EngineReady, EngineStopped, Event, Finished, Ticked
from hostd.simulation.host_model import Rooms, SimulatedHost, SimulatedModel, take


@dataclass(slots=True)
class BaselineModel:
    """One model: its engine's state, who waits for it and who is served. *used_at* is when it served somebody last."""

    tenant: SimulatedModel
    state: State = State.COLD
    slots: int = 0
    queue: dict[str, float] = field(default_factory=dict)
    serving: set[str] = field(default_factory=set)
    used_at: float = 0.0
    needs: dict[str, int] = field(default_factory=dict)

    @property
    def profile(self) -> Profile:
        """What the owner declared."""
        return self.tenant.profile

    @property
    def name(self) -> str:
        """The model's name."""
        return self.tenant.name

    @property
    def loaded(self) -> bool:
        """Whether its engine is ready or on its way."""
        return self.state in (State.LOADING, State.READY)

    @property
    def idle(self) -> bool:
        """Whether its engine is ready and has nothing to do."""
        return self.state is State.READY and not self.serving and not self.queue

    @property
    def has_place(self) -> bool:
        """Whether one more request could be served now."""
        return self.state is State.READY and len(self.serving) < min(self.slots, self.profile.limits.max_concurrent)


class BaselinePolicy(Protocol):
    """How a peer makes room."""

    @property
    def strict(self) -> bool:
        """Whether nobody is loaded while an earlier request waits for room."""

    @property
    def keep_alive(self) -> float | None:
        """Seconds after which an idle engine is stopped; None: never."""

    def victims(
        self, wanted: BaselineModel, seats: Collection[BaselineModel], free: Rooms
    ) -> Sequence[BaselineModel] | None:
        """Return the engines that must go for *wanted*; none: it may be loaded. None: it must wait until something changes.

        *free* is what is free now. A victim that is not idle is stopped when it is.
        """


class BaselineRouter:
    """A peer as somebody who decides: a `World` can run it in place of hostd's desk."""

    def __init__(self, app: SimulatedHost, policy: BaselinePolicy) -> None:
        self.seats = {name: BaselineModel(model) for name, model in app.tenants.items()}
        self._policy = policy
        self._rooms = app.rooms
        self._deadlines = Deadlines()
        self._where: dict[str, BaselineModel] = {}
        self._wanting: dict[str, None] = {}
        self._doomed: dict[str, None] = {}
        self._effects: list[Effect] = []
        self._now = 0.0

    def __repr__(self) -> str:
        return f"<Router {' '.join(f'{name}: {model.state}' for name, model in self.seats.items())}>"

    def next_deadline(self) -> float | None:
        """Return when `Ticked` is due, or None."""
        return self._deadlines.next()

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take in an event and return what is to be done."""
        self._now, self._effects = now, []
        match event:
            case Arrived(ticket):
                self._arrived(ticket.id, self.seats[ticket.route.asked])
            case Finished(ticket_id) | ClientLeft(ticket_id):
                self._over(ticket_id)
            case EngineReady(model, slots):
                seat = self.seats[model]
                seat.state, seat.slots = after(seat.state, Transition.LOADED), slots
                self._pump(seat)
                self._rest(seat)
            case EngineStopped(model):
                self._gone(self.seats[model])
            case Ticked():
                self._ring()
            case _:
                pass
        return self._effects

    def _arrived(self, ticket_id: str, model: BaselineModel) -> None:
        if len(model.queue) >= model.profile.limits.max_queue and not model.has_place:
            self._refuse(ticket_id, model, "queue_full")
            return
        model.queue[ticket_id] = self._now
        self._where[ticket_id] = model
        self._pump(model)
        if ticket_id in model.queue:
            self._deadlines.set(("queue", ticket_id), self._now + model.profile.limits.total_timeout)
            if not model.loaded and model.name not in self._wanting:
                self._wanting[model.name] = None
                self._make_room()

    def _over(self, ticket_id: str) -> None:
        model = self._where.pop(ticket_id)
        model.serving.discard(ticket_id)
        model.used_at = self._now
        self._pump(model)
        self._rest(model)

    def _rest(self, model: BaselineModel) -> None:
        """See to an engine that may have become idle: whoever waits for that has its turn."""
        if not model.idle:
            return
        if model.name in self._doomed:
            self._stop(model)
        elif self._policy.keep_alive is not None and ("idle", model.name) not in self._deadlines:
            self._deadlines.set(("idle", model.name), self._now + self._policy.keep_alive)
        self._make_room()

    def _gone(self, model: BaselineModel) -> None:
        model.state = after(model.state, Transition.STOPPED)
        self._rooms = {pool: free + model.needs.get(pool, 0) for pool, free in self._rooms.items()}
        if model.queue:
            self._wanting.setdefault(model.name)
        self._make_room()

    def _pump(self, model: BaselineModel) -> None:
        while model.queue and model.has_place:
            ticket_id = next(iter(model.queue))
            since = model.queue.pop(ticket_id)
            self._deadlines.cancel(("queue", ticket_id))
            model.serving.add(ticket_id)
            model.used_at = self._now
            self._effects.append(Serve(ticket_id, model.name, 1, None, self._now - since, 0.0))

    def _make_room(self) -> None:
        """Load what is wanted, first come, first served, as far as the policy allows."""
        for name in list(self._wanting):
            wanted = self.seats[name]
            if not wanted.queue or wanted.loaded:
                del self._wanting[name]
                continue
            if wanted.state is State.COLD and self._load(wanted):
                del self._wanting[name]
            elif self._policy.strict:
                return

    def _load(self, wanted: BaselineModel) -> bool:
        """Load *wanted* or make room for it; return whether it is on its way."""
        victims = self._policy.victims(wanted, self.seats.values(), self._rooms)
        if victims is None:
            return False
        for victim in victims:
            if victim.idle:
                self._stop(victim)
            else:
                self._doomed[victim.name] = None
        option = wanted.tenant.place(self._rooms)
        if victims or option is None:
            return False
        self._rooms = take(self._rooms, option.peak)
        wanted.needs = option.peak
        wanted.state = after(wanted.state, Transition.START)
        self._effects.append(Start(wanted.name, option))
        return True

    def _stop(self, model: BaselineModel) -> None:
        model.state = after(model.state, Transition.STOP)
        self._doomed.pop(model.name, None)
        self._deadlines.cancel(("idle", model.name))
        self._effects.append(Stop(model.name))

    def _refuse(self, ticket_id: str, model: BaselineModel, code: str) -> None:
        error = CapacityError(f"'{model.name}' could not take the request", code=code, retry_after=1.0)
        self._effects.append(Refuse(ticket_id, error, model.name, 0, None, 0.0))

    def _ring(self) -> None:
        for kind, name in self._deadlines.due(self._now):
            if kind == "queue":
                model = self._where.pop(name)
                del model.queue[name]
                self._refuse(name, model, "timeout")
            elif self.seats[name].idle:
                self._idle_time_up(self.seats[name])
        self._make_room()

    def _idle_time_up(self, model: BaselineModel) -> None:
        at = model.used_at + (self._policy.keep_alive or 0.0)
        if self._now >= at:
            self._stop(model)
        else:
            self._deadlines.set(("idle", model.name), at)
