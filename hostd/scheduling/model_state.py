"""The state of one model: its engine's lifecycle, the requests that it serves, and those that wait."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hostd.domain.answer_sums import AnswerSums
from hostd.domain.lifecycle import State, Transition, after
from hostd.domain.prices import price_of
from hostd.domain.profile import Price, Profile, Variant
from hostd.domain.reason import FallbackReason
from hostd.planning.warm_set.load_option import UNMEASURED_LOAD, LoadOption
from hostd.scheduling.circuit_breaker import CircuitBreaker
from hostd.scheduling.events import AttemptFailed, EngineReady
from hostd.scheduling.pending_load import PendingLoad
from hostd.scheduling.queue import RequestQueue
from hostd.scheduling.request_rate import RequestRate
from hostd.scheduling.request_state import RequestState
from hostd.scheduling.restart import RestartPolicy
from hostd.scheduling.slot_table import SlotTable
from hostd.scheduling.speed import Speed

UNMEASURED_SERVICE = 5.0
"""Seconds that a request is taken to last before any has been measured."""

AGES_AFTER = 0.5
"""Share of the queue_timeout after which a request has waited for so long that age counts as well as class and client."""

AT_ONCE = 0.1
"""Seconds within which a client asks an idle model again that asks as soon as it is answered."""

# Looking a member up in its class takes a call before Python 3.12, and these are asked for with each request.
_READY = State.READY
_WEIGHT = 0.2
"""Weight of the newest value in a moving average: about the last ten of them count."""


@dataclass(slots=True)
class ModelState:
    """All that the scheduler knows of one model, and writes alone.

    *name* is the profile's, and stays when that is replaced. *closed_to_new_since* is set once the model is to be evicted: only
    requests from before that are still served. *start_requested* asks for a start after the stop under way. *suspected_dead* says
    that a request has seen the engine's death, which its instance is about to report. *unproven* says that the machine has slept,
    so that it is to generate a token before it gets a request. *generation* counts the engines that became ready here.

    *keep_alive_hint* is for how many seconds the last client would like the model to stay. *options* are the ways to load it here,
    best first, and *why_not* there are no others; *option* is the one that was taken last and *why* what for. *failed_variants*
    cannot be loaded and *load_errors* say why, *retried* says that memory ran out and another try is under way. *sleep_levels* are
    those that its engine offers, *bytes_kept_asleep* is what it holds while it sleeps, and *woke_from_sleep* says that its last
    start was no load. *pending_load* is a load that waits for memory; *evicted* says that the model was evicted although it
    should be warm.

    *awaiting_cause* are requests whose engine has died and of which it is not known yet whether they caused it, with what they saw.
    *awaiting_budget* are requests that wait until something of a budget is free.
    *unanswered* are the digests, by ticket, of requests that left while the engine was reading them, since it last answered any.
    *charged* counts the crashes since then that were charged to requests.

    *asked_at_once* is the share of its idle times that a request ended within `AT_ONCE`, taken to be all until some were seen.

    *limited_until* is when the model's provider takes requests again, having refused one; None where it takes them.

    *slot_table* is what the slots of its engine hold, where requests are told theirs. *speed* is how fast it was lately.

    *options_known* says whether the options have been found yet, without which no load begins. *removed* says that the owner has
    removed the model, which only answers the requests that it has.
    """

    profile: Profile
    name: str = field(init=False)
    state: State = State.COLD
    slots: int = 0
    queue: RequestQueue = field(default_factory=RequestQueue)
    serving: dict[str, RequestState] = field(default_factory=dict)
    restarts: RestartPolicy = field(default_factory=RestartPolicy)
    start_requested: bool = False
    closed_to_new_since: float | None = None
    suspected_dead: bool = False
    unproven: bool = False
    generation: int = 0
    ready_at: float = 0.0
    idle_since: float = 0.0
    load_seconds: float | None = None
    wake_seconds: float | None = None
    sleep_levels: tuple[int, ...] = ()
    bytes_kept_asleep: Mapping[str, int] = field(default_factory=dict)
    woke_from_sleep: bool = False
    service_seconds: float | None = None
    asked_at_once: float = 1.0
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
    awaiting_cause: dict[str, tuple[RequestState, AttemptFailed]] = field(default_factory=dict)
    awaiting_budget: dict[str, RequestState] = field(default_factory=dict)
    unanswered: dict[str, str] = field(default_factory=dict)
    charged: int = 0
    evicted: bool = False
    options_known: bool = True
    removed: bool = False
    last_error: str | None = None
    limited_until: float | None = None
    slot_table: SlotTable | None = None
    speed: Speed = field(default_factory=Speed)
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    down_reason: FallbackReason = FallbackReason.LOAD_FAILED

    def __post_init__(self) -> None:
        self.name = self.profile.name

    def __repr__(self) -> str:
        counts = f"{len(self.serving)}/{self.capacity} in flight, {len(self.queue)} queued"
        return f"<Model {self.profile.name} {self.state}: {counts}>"

    @property
    def provider(self) -> str | None:
        """The cloud provider that answers for the model, or would if it was asked now; None where none does."""
        variant = self.variant
        return None if variant is None else variant.provider

    @property
    def variant(self) -> Variant | None:
        """The variant that answers for the model, or would if it was asked now; None where it has none."""
        option, variants = self.option or (self.options[0] if self.options else None), self.profile.variants
        number = 0 if option is None else option.variant
        return variants[number] if number < len(variants) else None

    @property
    def price(self) -> Price | None:
        """What tokens cost where that variant answers; None where nothing says so."""
        variant = self.variant
        return None if variant is None else price_of(self.profile, variant)

    @property
    def remote(self) -> bool:
        """Whether a server answers for the model that hostd does not launch, and so cannot start again."""
        variant = self.variant
        return variant is not None and (variant.provider is not None or variant.url is not None)

    @property
    def cards(self) -> frozenset[str]:
        """The pools of the cards that its engine was placed on, or would be; empty for one without, or whose engine decides."""
        option = self.option or next(iter(self.options), None)
        return frozenset() if option is None else frozenset(pool for pool, _ in option.placement.devices)

    @property
    def limited(self) -> bool:
        """Whether its provider takes no requests for a while; a local engine that has taken over is none of that."""
        return self.limited_until is not None and self.provider is not None

    @property
    def reported_state(self) -> State:
        """The state to show: a load that waits for memory is loading, and a model that is to be evicted drains."""
        if self.closed_to_new_since is not None:
            return State.DRAINING
        waits = self.pending_load is not None and self.state in (State.COLD, State.FAILED, State.SLEEPING)
        return State.LOADING if waits else self.state

    @property
    def capacity(self) -> int:
        """How many requests the model serves at once: what the owner allows, within what the engine decodes together."""
        most = self.profile.limits.max_concurrent
        return most if most < self.slots else self.slots  # noqa: FURB136 - asked twice for each request, and a call costs more

    @property
    def has_free_slot(self) -> bool:
        """Whether one more request could be served now, unless the model is closed to new ones."""
        return (
            self.state is _READY
            and not (self.suspected_dead or self.unproven)
            and self.breaker.admits
            and len(self.serving) < self.capacity
            and (self.limited_until is None or not self.limited)
        )

    def accepts(self, request: RequestState) -> bool:
        """Return whether *request* may be served now."""
        if not self.has_free_slot or (
            self.closed_to_new_since is not None and request.since > self.closed_to_new_since
        ):
            return False
        return not request.suspect or not any(other.suspect for other in self.serving.values())

    @property
    def may_be_freed(self) -> bool:
        """Whether a client that wants it no longer may have it unloaded: it is loaded, nobody uses it, and it is not pinned."""
        return self.state is State.READY and self.idle and not self.profile.warm.pinned

    @property
    def idle(self) -> bool:
        """Whether no request is served and none waits."""
        return not (self.serving or self.queue.by_age or self.awaiting_cause or self.awaiting_budget)

    @property
    def is_starting(self) -> bool:
        """Whether the model will be ready without another decision, so that waiting for it makes sense."""
        under_way = self.state in (State.LOADING, State.STOPPING, State.DRAINING) or self.pending_load is not None
        return (
            under_way
            or self.suspected_dead
            or self.unproven
            or self.closed_to_new_since is not None
            or self.restarts.again_at is not None
        )

    @property
    def seconds_to_load(self) -> float:
        """How long it takes to have the model ready, or to have it back once it is evicted: a load, or a wake."""
        has_engine = self.state in (State.READY, State.SLEEPING)
        return self.wake_seconds if has_engine and self.wake_seconds is not None and self.can_sleep else self.cold_start

    @property
    def seconds_to_read_again(self) -> float:
        """How much longer the next request takes once the model was away, since what was read of its conversation is gone."""
        # A saved conversation is back in a moment.
        return 0.0 if self.profile.kv.save else self.speed.saved_seconds

    @property
    def cold_start(self) -> float:
        """How long a load takes (seconds): as measured last, else as its option estimates."""
        if self.load_seconds is not None:
            return self.load_seconds
        option = self.option or next(iter(self.options), None)
        return UNMEASURED_LOAD if option is None else option.load_seconds

    @property
    def can_sleep(self) -> bool:
        """Whether it may sleep instead of being stopped: its engine can, and waking was not found to be slower than loading."""
        # Measured, since either may be the faster one: a wake copies from main memory, a load reads a disk.
        slower = self.wake_seconds is not None and self.wake_seconds > (self.load_seconds or self.wake_seconds)
        return bool(self.sleep_levels) and not slower

    @property
    def usable(self) -> tuple[LoadOption, ...]:
        """The options that may be loaded: a sleeping engine's own, else those whose variant has not failed for good."""
        if self.state is State.SLEEPING and self.option is not None:
            return (self.option,)
        return tuple(option for option in self.options if option.variant not in self.failed_variants)

    def take_profile(self, profile: Profile, *, options_known: bool) -> None:
        """Begin anew with another *profile*: what was learnt of the engine of the old one says nothing about its own."""
        self.profile, self.options_known = profile, options_known
        self.options, self.why_not, self.option = (), None, None
        self.load_seconds = self.wake_seconds = self.last_error = None
        self.speed = Speed()
        self.failed_variants.clear()
        self.load_errors.clear()

    def take_engine(self, ready: EngineReady) -> None:
        """Note what the engine is like that has become *ready*."""
        self.slots, self.sleep_levels, self.last_error = ready.slots, ready.sleep_levels, None
        self.slot_table = SlotTable(ready.slots) if ready.addressed else None

    def forget_tries(self) -> None:
        """Forget which variants could not be loaded, so that the next load tries all of them again."""
        self.load_errors.clear()
        self.failed_variants.clear()
        self.retried = False

    def move(self, move: Transition) -> None:
        """Change the state as the lifecycle table says."""
        self.state = after(self.state, move)
        # Both are said of the engine that was there until now.
        self.suspected_dead, self.unproven, self.closed_to_new_since = False, False, None
        if move in (Transition.STOP, Transition.FAILED):
            self.slot_table = None
        if move is Transition.LOADED:
            self.generation += 1
            self.unanswered.clear()

    def suspect(self, ticket_id: str) -> None:
        """Note that a request saw its engine die: no other is sent there, unless a newer engine runs by now."""
        request = self.serving.get(ticket_id)
        self.suspected_dead = self.suspected_dead or (
            self.state is State.READY and request is not None and request.generation == self.generation
        )

    def learn_service(self, seconds: float) -> None:
        """Fold one measured service time into the moving average."""
        before = self.service_seconds
        self.service_seconds = seconds if before is None else before + _WEIGHT * (seconds - before)
        # An engine that answers is sound, whatever it was asked before.
        self.charged = 0
        if self.unanswered:
            self.unanswered.clear()

    def prefers(self, now: float) -> Callable[[RequestState], bool] | None:
        """Return what tells whether a free slot holds the conversation of a request that is still in time; None: nothing does."""
        table = self.slot_table
        if table is None or not table.held:
            return None
        return lambda request: (
            not request.suspect and request.late_at >= now and table.holds(request.ticket.conversation)
        )

    def release_slot(self, ticket_id: str, now: float, sums: AnswerSums | None = None) -> None:
        """Note that a request is served no more, and, where it was answered, by its *sums* how fast."""
        if sums is not None:
            self.speed.learn(sums)
        if self.slot_table is not None:
            self.slot_table.release(ticket_id, now, 0 if sums is None else sums.prompt + sums.answer)

    def asked(self, now: float) -> None:
        """Count a request, and learn how long the model was idle before it."""
        self.request_rate.add(now)
        if self.generation and self.idle:
            # Also where the engine is gone by now: its client has found it so.
            self.asked_at_once += _WEIGHT * ((now <= self.idle_since + AT_ONCE) - self.asked_at_once)

    def expected_wait(self, place: int | None = None) -> float:
        """Return the seconds after which the request at *place*, or a new one, may hope for a slot.

        That is by measured times of services and, of a model that is not loaded, of its load.
        """
        service = UNMEASURED_SERVICE if self.service_seconds is None else self.service_seconds
        ready = self.state is State.READY
        # An engine tells what it decodes together once it is ready.
        places = self.capacity if ready else min(self.profile.limits.max_concurrent, self.profile.slots)
        turns = (len(self.queue) + 1 if place is None else place) / max(1, places)
        return service * turns + (0.0 if ready else self.seconds_to_load)

    def wait_of(self, ticket_id: str) -> float | None:
        """Return the seconds for which a waiting request is likely to wait on; None where no service was measured, or it loads."""
        if self.state is not State.READY or self.service_seconds is None:
            return None
        return self.expected_wait(self.queue.position(ticket_id))

    def enqueue(self, request: RequestState, now: float, *, first: bool = False) -> None:
        """Have *request* wait, with *first* in front of its class."""
        timeout = self.profile.limits.queue_timeout
        request.ages_at, request.late_at = now + AGES_AFTER * timeout, now + timeout
        self.queue.push(request, first=first)
