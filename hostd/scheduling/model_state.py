"""One model as the desk sees it: its instance's state, who is served, and who waits in which order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp

from hostd.domain.lifecycle import Move, State, after
from hostd.domain.profile import Profile
from hostd.domain.reason import Reason
from hostd.domain.ticket import Target, Ticket
from hostd.planning.warm_set.load_option import UNMEASURED_LOAD, Choice
from hostd.scheduling.pending_load import Claim
from hostd.scheduling.restart import Restarts

MEMORY = 300.0
"""Seconds after which a request counts for a third of one that came just now."""


@dataclass(slots=True)
class Heat:
    """An exponentially decaying count of requests; *at* is when it was last brought up to date (seconds)."""

    count: float = 0.0
    at: float = 0.0

    def add(self, now: float) -> None:
        """Note one request at *now*."""
        self.count = self._decayed(now) + 1.0
        self.at = now

    def rate(self, now: float) -> float:
        """Return the requests per second that are to be expected, from the last minutes."""
        return self._decayed(now) / MEMORY

    def _decayed(self, now: float) -> float:
        return self.count * exp((self.at - now) / MEMORY) if self.count else 0.0


def probability(rate: float, within: float) -> float:
    """Return how likely at least one request comes *within* so many seconds at *rate* (a Poisson process)."""
    return 1.0 - exp(-rate * within)


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

    *gate* is set once it is to go for another model: only who came before that is still served. *wanted* asks for a start after
    the stop under way. *dead* says that a request has seen the engine's death, which its instance is about to report. *life*
    counts the engines that became ready here.

    *hint* is for how many seconds its last client would like it to stay. *choices* are the ways to load it here, best first, and
    *why_not* there are no others; *choice* is the one that was taken last and *why* what for. *spent* are the variants that cannot
    be had and *setbacks* says why, *retried* says that memory ran out and another try is under way. *naps* are the levels of sleep
    that its engine offers, *keeps* is what it holds while it sleeps, and *woken* says that its last start was no load. *claim* is
    a load that waits for room; *evicted* says that it had to go although it should be warm.
    """

    profile: Profile
    state: State = State.COLD
    slots: int = 0
    queue: dict[str, Errand] = field(default_factory=dict)
    serving: dict[str, Errand] = field(default_factory=dict)
    restarts: Restarts = field(default_factory=Restarts)
    wanted: bool = False
    gate: float | None = None
    dead: bool = False
    life: int = 0
    ready_at: float = 0.0
    idle_since: float = 0.0
    load_seconds: float | None = None
    wake_seconds: float | None = None
    naps: tuple[int, ...] = ()
    keeps: Mapping[str, int] = field(default_factory=dict)
    woken: bool = False
    service_seconds: float | None = None
    hint: float | None = None
    heat: Heat = field(default_factory=Heat)
    choices: tuple[Choice, ...] = ()
    why_not: str | None = None
    choice: Choice | None = None
    why: str = "asked"
    spent: set[int] = field(default_factory=set)
    setbacks: list[str] = field(default_factory=list)
    retried: bool = False
    claim: Claim | None = None
    evicted: bool = False
    last_error: str | None = None
    down_reason: Reason = Reason.LOAD_FAILED

    def __repr__(self) -> str:
        return f"<Lane {self.profile.name} {self.state}: {len(self.serving)}/{self.capacity} in flight, {len(self.queue)} queued>"

    @property
    def standing(self) -> State:
        """The state as people see it: a load that waits for room is loading, and a model that is to go for another drains."""
        if self.gate is not None:
            return State.DRAINING
        waits = self.claim is not None and self.state in (State.COLD, State.FAILED, State.SLEEPING)
        return State.LOADING if waits else self.state

    @property
    def capacity(self) -> int:
        """How many requests the model serves at once: what the owner allows, within what the engine decodes together."""
        return min(self.profile.limits.max_concurrent, self.slots)

    @property
    def crowd(self) -> dict[str, int]:
        """How many are served and how many wait, for explanations."""
        return {"in_flight": len(self.serving), "queued": len(self.queue)}

    @property
    def has_room(self) -> bool:
        """Whether one more request could be served now, had it come in time."""
        return self.state is State.READY and not self.dead and len(self.serving) < self.capacity

    def takes(self, errand: Errand) -> bool:
        """Return whether *errand* may be served now."""
        return self.has_room and (self.gate is None or errand.since <= self.gate)

    @property
    def idle(self) -> bool:
        """Whether nobody is served and nobody waits."""
        return not self.serving and not self.queue

    @property
    def coming(self) -> bool:
        """Whether the model is on its way to be ready, so that waiting for it makes sense."""
        under_way = self.state in (State.LOADING, State.STOPPING, State.DRAINING) or self.claim is not None
        return under_way or self.dead or self.gate is not None or self.restarts.again_at is not None

    @property
    def seconds_to_load(self) -> float:
        """How long it takes to have it back if it goes, or to have it at all where it has gone: a waking or a load."""
        there = self.state in (State.READY, State.SLEEPING)
        return self.wake_seconds if there and self.wake_seconds is not None and self.sleeps else self.cold_start

    @property
    def cold_start(self) -> float:
        """How long a load takes (seconds): as measured last, else as its choice estimates."""
        if self.load_seconds is not None:
            return self.load_seconds
        choice = self.choice or next(iter(self.choices), None)
        return UNMEASURED_LOAD if choice is None else choice.load_seconds

    @property
    def sleeps(self) -> bool:
        """Whether it may sleep instead of going: its engine can, and waking was not found to be slower than loading."""
        slower = self.wake_seconds is not None and self.wake_seconds > (self.load_seconds or self.wake_seconds)
        return bool(self.naps) and not slower

    @property
    def usable(self) -> tuple[Choice, ...]:
        """The choices that may be had: of a sleeping engine its own, else those whose variant has not failed for good."""
        if self.state is State.SLEEPING and self.choice is not None:
            return (self.choice,)
        return tuple(choice for choice in self.choices if choice.variant not in self.spent)

    def move(self, move: Move) -> None:
        """Go where the lifecycle table says."""
        self.state = after(self.state, move)
        self.dead, self.gate = False, None
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
