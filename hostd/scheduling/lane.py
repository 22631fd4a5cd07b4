"""One model as the desk sees it: its instance's state, who is served, and who waits in which order."""

from dataclasses import dataclass, field

from hostd.domain.lifecycle import Move, State, after
from hostd.domain.profile import Profile
from hostd.domain.reason import Reason
from hostd.domain.ticket import Target, Ticket
from hostd.scheduling.restart import Restarts

UNMEASURED_SERVICE = 5.0
"""Seconds that a request is taken to last before any has been measured."""

_WEIGHT = 0.2


@dataclass(slots=True)
class Errand:
    """A ticket on its route.

    *since* is when it joined its present lane, *queued* the seconds that it has spent in queues and *loaded* those of them in
    which a model was loading, *expires* when its whole time is up, *life* which of the lane's engines it was last sent to.

    *patient* marks one whose queue time ran out while the model was still loading and nobody else could answer: it waits
    for the load, and its queue time starts when the model is ready.
    """

    ticket: Ticket
    arrived: float
    stop: int = 0
    attempt: int = 0
    reason: Reason | None = None
    since: float = 0.0
    queued: float = 0.0
    loaded: float = 0.0
    life: int = 0
    expires: float | None = None
    patient: bool = False
    retried: bool = False

    @property
    def target(self) -> Target:
        """The stop of the route where the ticket is now."""
        return self.ticket.route.targets[self.stop]


@dataclass(slots=True)
class Lane:
    """The queue and the places of one model. Only the desk writes to it.

    *wanted* asks for a start after the stop under way. *dead* says that a request has seen the engine's death, which its
    instance is about to report. *life* counts the engines that became ready here.
    """

    profile: Profile
    state: State = State.COLD
    slots: int = 0
    queue: dict[str, Errand] = field(default_factory=dict)
    serving: dict[str, Errand] = field(default_factory=dict)
    restarts: Restarts = field(default_factory=Restarts)
    wanted: bool = False
    dead: bool = False
    life: int = 0
    ready_at: float = 0.0
    idle_since: float = 0.0
    load_seconds: float | None = None
    service_seconds: float | None = None
    last_error: str | None = None
    down_reason: Reason = Reason.LOAD_FAILED

    def __repr__(self) -> str:
        return f"<Lane {self.profile.name} {self.state}: {len(self.serving)}/{self.capacity} in flight, {len(self.queue)} queued>"

    @property
    def capacity(self) -> int:
        """How many requests the model serves at once: what the owner allows, within what the engine decodes together."""
        return min(self.profile.limits.max_concurrent, self.slots)

    @property
    def has_room(self) -> bool:
        """Whether one more request could be served now."""
        return self.state is State.READY and not self.dead and len(self.serving) < self.capacity

    @property
    def idle(self) -> bool:
        """Whether nobody is served and nobody waits."""
        return not self.serving and not self.queue

    @property
    def coming(self) -> bool:
        """Whether the model is on its way to be ready, so that waiting for it makes sense."""
        under_way = self.state in (State.LOADING, State.STOPPING, State.DRAINING)
        return under_way or self.dead or self.restarts.again_at is not None

    def move(self, move: Move) -> None:
        """Go where the lifecycle table says."""
        self.state = after(self.state, move)
        self.dead = False
        if move is Move.LOADED:
            self.life += 1

    def suspect(self, ticket_id: str) -> None:
        """Note that a request saw its engine die: nobody is sent there any more, unless another runs by now."""
        errand = self.serving.get(ticket_id)
        self.dead = self.dead or (self.state is State.READY and errand is not None and errand.life == self.life)

    def position(self, ticket_id: str) -> int:
        """Return a waiting ticket's place in the queue, counting from 1."""
        return list(self.queue).index(ticket_id) + 1

    def learn_service(self, seconds: float) -> None:
        """Fold one measured service time into the moving average."""
        before = self.service_seconds
        self.service_seconds = seconds if before is None else before + _WEIGHT * (seconds - before)

    def expected_wait(self) -> float:
        """Return the seconds after which a newcomer may hope for a place, from measured service times."""
        service = UNMEASURED_SERVICE if self.service_seconds is None else self.service_seconds
        return service * (len(self.queue) + 1) / max(1, self.capacity)
