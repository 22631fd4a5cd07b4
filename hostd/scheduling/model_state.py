"""One model as the desk sees it: its instance's state, who is served, and who waits in which order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp

from hostd.domain.lifecycle import State, Transition, after
from hostd.domain.profile import Profile
from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Target, Ticket
from hostd.planning.warm_set.load_option import UNMEASURED_LOAD, LoadOption
from hostd.scheduling.pending_load import PendingLoad
from hostd.scheduling.restart import RestartPolicy

MEMORY = 300.0
"""Seconds after which a request counts for a third of one that came just now."""


@dataclass(slots=True)
class RequestRate:
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


UNMEASURED_SERVICE = 5.0
"""Seconds that a request is taken to last before any has been measured."""

_WEIGHT = 0.2


@dataclass(slots=True)
class RequestState:
    """A ticket on its route.

    *since* is when it joined its present lane, *queued* the seconds that it has spent in queues and *loaded* those of them in
    which a model was loading, *expires* when its whole time is up, *life* which of the lane's engines it was last sent to.

    *patient* marks one whose queue time ran out while the model was still loading and nobody else could answer: it waits
    for the load, and its queue time starts when the model is ready.
    """

    ticket: Ticket
    arrived: float
    target_index: int = 0
    attempt: int = 0
    reason: FallbackReason | None = None
    since: float = 0.0
    queued: float = 0.0
    loaded: float = 0.0
    generation: int = 0
    expires: float | None = None
    waiting_for_load: bool = False
    retried: bool = False

    @property
    def target(self) -> Target:
        """The stop of the route where the ticket is now."""
        return self.ticket.route.targets[self.target_index]


@dataclass(slots=True)
class ModelState:
    """The queue and the places of one model. Only the desk writes to it.

    *gate* is set once it is to go for another model: only who came before that is still served. *wanted* asks for a start after
    the stop under way. *dead* says that a request has seen the engine's death, which its instance is about to report. *life*
    counts the engines that became ready here.

    *hint* is for how many seconds its last client would like it to stay. *choices* are the ways to load it here, best first, and
    *why_not* there are no others; *choice* is the one that was taken last and *why* what for. *spent* are the variants that cannot
    be had and *setbacks* says why, *retried* says that memory ran out and another try is under way. *naps* are the levels of sleep
    that its engine offers, *keeps* is what it holds while it sleeps, and *woken* says that its last start was no load. *claim* is
    a load that waits for room; *evicted* says that it had to go although it should be warm.

    *options_known* says whether the options have been found yet, without which no load begins. *removed* says that the owner has
    removed the model, which only answers what it has.
    """

    profile: Profile
    state: State = State.COLD
    options_known: bool = True
    removed: bool = False
    slots: int = 0
    queue: dict[str, RequestState] = field(default_factory=dict)
    serving: dict[str, RequestState] = field(default_factory=dict)
    restarts: RestartPolicy = field(default_factory=RestartPolicy)
    start_requested: bool = False
    closed_to_new_since: float | None = None
    suspected_dead: bool = False
    generation: int = 0
    ready_at: float = 0.0
    idle_since: float = 0.0
    load_seconds: float | None = None
    wake_seconds: float | None = None
    sleep_levels: tuple[int, ...] = ()
    bytes_kept_asleep: Mapping[str, int] = field(default_factory=dict)
    woke_from_sleep: bool = False
    service_seconds: float | None = None
    keep_alive_hint: float | None = None
    request_rate: RequestRate = field(default_factory=RequestRate)
    options: tuple[LoadOption, ...] = ()
    why_not: str | None = None
    option: LoadOption | None = None
    why: str = "asked"
    failed_variants: set[int] = field(default_factory=set)
    load_errors: list[str] = field(default_factory=list)
    retried: bool = False
    pending_load: PendingLoad | None = None
    evicted: bool = False
    last_error: str | None = None
    down_reason: FallbackReason = FallbackReason.LOAD_FAILED

    def __repr__(self) -> str:
        return f"<Lane {self.profile.name} {self.state}: {len(self.serving)}/{self.capacity} in flight, {len(self.queue)} queued>"

    @property
    def reported_state(self) -> State:
        """The state as people see it: a load that waits for room is loading, and a model that is to go for another drains."""
        if self.closed_to_new_since is not None:
            return State.DRAINING
        waits = self.pending_load is not None and self.state in (
            State.COLD,
            State.FAILED,
            State.SLEEPING,
        )
        return State.LOADING if waits else self.state

    @property
    def capacity(self) -> int:
        """How many requests the model serves at once: what the owner allows, within what the engine decodes together."""
        return min(self.profile.limits.max_concurrent, self.slots)

    @property
    def counts(self) -> dict[str, int]:
        """How many are served and how many wait, for explanations."""
        return {"in_flight": len(self.serving), "queued": len(self.queue)}

    @property
    def has_free_slot(self) -> bool:
        """Whether one more request could be served now, had it come in time."""
        return self.state is State.READY and not self.suspected_dead and len(self.serving) < self.capacity

    def accepts(self, request: RequestState) -> bool:
        """Return whether *request* may be served now."""
        return self.has_free_slot and (self.closed_to_new_since is None or request.since <= self.closed_to_new_since)

    @property
    def idle(self) -> bool:
        """Whether nobody is served and nobody waits."""
        return not self.serving and not self.queue

    @property
    def is_starting(self) -> bool:
        """Whether the model is on its way to be ready, so that waiting for it makes sense."""
        under_way = self.state in (State.LOADING, State.STOPPING, State.DRAINING) or self.pending_load is not None
        return (
            under_way
            or self.suspected_dead
            or self.closed_to_new_since is not None
            or self.restarts.again_at is not None
        )

    @property
    def seconds_to_load(self) -> float:
        """How long it takes to have it back if it goes, or to have it at all where it has gone: a waking or a load."""
        there = self.state in (State.READY, State.SLEEPING)
        return self.wake_seconds if there and self.wake_seconds is not None and self.can_sleep else self.cold_start

    @property
    def cold_start(self) -> float:
        """How long a load takes (seconds): as measured last, else as its choice estimates."""
        if self.load_seconds is not None:
            return self.load_seconds
        option = self.option or next(iter(self.options), None)
        return UNMEASURED_LOAD if option is None else option.load_seconds

    @property
    def can_sleep(self) -> bool:
        """Whether it may sleep instead of going: its engine can, and waking was not found to be slower than loading."""
        slower = self.wake_seconds is not None and self.wake_seconds > (self.load_seconds or self.wake_seconds)
        return bool(self.sleep_levels) and not slower

    @property
    def usable(self) -> tuple[LoadOption, ...]:
        """The choices that may be had: of a sleeping engine its own, else those whose variant has not failed for good."""
        if self.state is State.SLEEPING and self.option is not None:
            return (self.option,)
        return tuple(option for option in self.options if option.variant not in self.failed_variants)

    def take_profile(self, profile: Profile, *, options_known: bool) -> None:
        """Begin anew with another *profile*: what was learnt of the engine of the old one says nothing about its own."""
        self.profile, self.options_known = profile, options_known
        self.options, self.why_not, self.option = (), None, None
        self.load_seconds = self.wake_seconds = self.last_error = None
        self.failed_variants.clear()
        self.load_errors.clear()

    def move(self, move: Transition) -> None:
        """Go where the lifecycle table says."""
        self.state = after(self.state, move)
        self.suspected_dead, self.closed_to_new_since = False, None
        if move is Transition.LOADED:
            self.generation += 1

    def suspect(self, ticket_id: str) -> None:
        """Note that a request saw its engine die: nobody is sent there any more, unless another runs by now."""
        request = self.serving.get(ticket_id)
        self.suspected_dead = self.suspected_dead or (
            self.state is State.READY and request is not None and request.generation == self.generation
        )

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
