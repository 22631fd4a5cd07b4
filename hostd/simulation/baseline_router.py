"""What all baselines share: requests wait per model, a ready engine serves them while slots are free, and a policy evicts.

A baseline is this router and a `BaselinePolicy`. Apart from the policy, baselines are as good as hostd: they serve in order of
arrival, keep the same limits, load several models at once where there is memory, stop no busy engine, see freed memory at once,
and place a load wherever it fits.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hostd.domain.errors import CapacityError
from hostd.domain.lifecycle import State, Transition, after
from hostd.domain.profile import Profile
from hostd.scheduling.effects import Effect, Refuse, Serve, Start, Stop
from hostd.scheduling.events import Arrived, ClientLeft, EngineReady, EngineStopped, Event, Finished, Ticked
from hostd.scheduling.timer_heap import Deadlines
from hostd.simulation.host_model import FreeBytes, SimulatedHost, SimulatedModel, take


@dataclass(slots=True)
class BaselineModel:
    """One model: its engine's state, waiting requests and requests in flight. *used_at* is when it last served a request."""

    model: SimulatedModel
    state: State = State.COLD
    slots: int = 0
    queue: dict[str, float] = field(default_factory=dict)
    serving: set[str] = field(default_factory=set)
    used_at: float = 0.0
    needs: dict[str, int] = field(default_factory=dict)

    @property
    def profile(self) -> Profile:
        """The declared profile."""
        return self.model.profile

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    @property
    def loaded(self) -> bool:
        """Whether its engine is ready or loading."""
        return self.state in (State.LOADING, State.READY)

    @property
    def idle(self) -> bool:
        """Whether its engine is ready, with no request in flight or waiting."""
        return self.state is State.READY and not self.serving and not self.queue

    @property
    def has_free_slot(self) -> bool:
        """Whether one more request could be served now."""
        return self.state is State.READY and len(self.serving) < min(self.slots, self.profile.limits.max_concurrent)


class BaselinePolicy(Protocol):
    """How a baseline chooses what to evict."""

    @property
    def strict(self) -> bool:
        """Whether a load waits for every earlier load, even where it would fit."""

    @property
    def keep_alive(self) -> float | None:
        """Seconds after which an idle engine is stopped; None: never."""

    def victims(
        self, wanted: BaselineModel, models: Collection[BaselineModel], free: FreeBytes
    ) -> Sequence[BaselineModel] | None:
        """Return the models to evict for *wanted*; empty: it may be loaded now. None: it waits until something changes.

        *free* holds free bytes by pool. A victim that is busy is stopped once it is idle.
        """


class BaselineRouter:
    """A baseline as a decision-maker that a `Simulator` runs in place of hostd's scheduler."""

    def __init__(self, host: SimulatedHost, policy: BaselinePolicy) -> None:
        self.models = {name: BaselineModel(model) for name, model in host.models.items()}
        self._policy = policy
        self._free = host.free
        self._deadlines = Deadlines()
        self._model_of: dict[str, BaselineModel] = {}
        self._wanted: dict[str, None] = {}
        self._evicting: dict[str, None] = {}
        self._effects: list[Effect] = []
        self._now = 0.0

    def __repr__(self) -> str:
        return f"<BaselineRouter {' '.join(f'{name}: {model.state}' for name, model in self.models.items())}>"

    def next_deadline(self) -> float | None:
        """Return when `Ticked` is due, or None."""
        return self._deadlines.next()

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Return the effects of one event."""
        self._now, self._effects = now, []
        match event:
            case Arrived(ticket):
                self._arrived(ticket.id, self.models[ticket.route.asked])
            case Finished(ticket_id) | ClientLeft(ticket_id):
                self._finished(ticket_id)
            case EngineReady(model, slots):
                seat = self.models[model]
                seat.state, seat.slots = after(seat.state, Transition.LOADED), slots
                self._pump(seat)
                self._after_release(seat)
            case EngineStopped(model):
                self._stopped(self.models[model])
            case Ticked():
                self._deadlines_passed()
            case _:
                pass
        return self._effects

    def _arrived(self, ticket_id: str, model: BaselineModel) -> None:
        if len(model.queue) >= model.profile.limits.max_queue and not model.has_free_slot:
            self._refuse(ticket_id, model, "queue_full")
            return
        model.queue[ticket_id] = self._now
        self._model_of[ticket_id] = model
        self._pump(model)
        if ticket_id in model.queue:
            self._deadlines.set(("queue", ticket_id), self._now + model.profile.limits.total_timeout)
            if not model.loaded and model.name not in self._wanted:
                self._wanted[model.name] = None
                self._load_wanted()

    def _finished(self, ticket_id: str) -> None:
        model = self._model_of.pop(ticket_id)
        model.serving.discard(ticket_id)
        model.used_at = self._now
        self._pump(model)
        self._after_release(model)

    def _after_release(self, model: BaselineModel) -> None:
        """Stop an idle engine that is to be evicted, else set its keep-alive; then load what is wanted."""
        if not model.idle:
            return
        if model.name in self._evicting:
            self._stop(model)
        elif self._policy.keep_alive is not None and ("idle", model.name) not in self._deadlines:
            self._deadlines.set(("idle", model.name), self._now + self._policy.keep_alive)
        self._load_wanted()

    def _stopped(self, model: BaselineModel) -> None:
        model.state = after(model.state, Transition.STOPPED)
        self._free = {pool: free + model.needs.get(pool, 0) for pool, free in self._free.items()}
        if model.queue:
            self._wanted.setdefault(model.name)
        self._load_wanted()

    def _pump(self, model: BaselineModel) -> None:
        while model.queue and model.has_free_slot:
            ticket_id = next(iter(model.queue))
            since = model.queue.pop(ticket_id)
            self._deadlines.cancel(("queue", ticket_id))
            model.serving.add(ticket_id)
            model.used_at = self._now
            self._effects.append(Serve(ticket_id, model.name, 1, None, self._now - since, 0.0))

    def _load_wanted(self) -> None:
        """Load the wanted models in order of their first request, as far as the policy allows."""
        for name in list(self._wanted):
            wanted = self.models[name]
            if not wanted.queue or wanted.loaded:
                del self._wanted[name]
                continue
            if wanted.state is State.COLD and self._load(wanted):
                del self._wanted[name]
            elif self._policy.strict:
                return

    def _load(self, wanted: BaselineModel) -> bool:
        """Load *wanted* or evict for it; return whether its load has started."""
        victims = self._policy.victims(wanted, self.models.values(), self._free)
        if victims is None:
            return False
        for victim in victims:
            if victim.idle:
                self._stop(victim)
            else:
                self._evicting[victim.name] = None
        option = wanted.model.place(self._free)
        if victims or option is None:
            return False
        self._free = take(self._free, option.peak)
        wanted.needs = option.peak
        wanted.state = after(wanted.state, Transition.START)
        self._effects.append(Start(wanted.name, option))
        return True

    def _stop(self, model: BaselineModel) -> None:
        model.state = after(model.state, Transition.STOP)
        self._evicting.pop(model.name, None)
        self._deadlines.cancel(("idle", model.name))
        self._effects.append(Stop(model.name))

    def _refuse(self, ticket_id: str, model: BaselineModel, code: str) -> None:
        error = CapacityError(f"'{model.name}' could not take the request", code=code, retry_after=1.0)
        self._effects.append(Refuse(ticket_id, error, model.name, 0, None, 0.0))

    def _deadlines_passed(self) -> None:
        for kind, name in self._deadlines.due(self._now):
            if kind == "queue":
                model = self._model_of.pop(name)
                del model.queue[name]
                self._refuse(name, model, "timeout")
            elif self.models[name].idle:
                self._idle_deadline(self.models[name])
        self._load_wanted()

    def _idle_deadline(self, model: BaselineModel) -> None:
        at = model.used_at + (self._policy.keep_alive or 0.0)
        if self._now >= at:
            self._stop(model)
        else:
            self._deadlines.set(("idle", model.name), at)
