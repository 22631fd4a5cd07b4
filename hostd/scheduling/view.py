"""What may be seen of the scheduler: frozen rows for handlers and metrics, apart from the state that it decides with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from hostd.domain.budget import Account, Amounts
from hostd.domain.lifecycle import State
from hostd.domain.profile import Profile
from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Priority
from hostd.planning.warm_set.eviction import EvictionCandidate
from hostd.planning.warm_set.load_option import Bytes, LoadOption
from hostd.scheduling.circuit_breaker import BreakerState
from hostd.scheduling.memory_admission import MemoryAdmission
from hostd.scheduling.memory_ledger import MemoryLedger
from hostd.scheduling.model_state import ModelState
from hostd.scheduling.speed import Speed
from hostd.scheduling.warm_policy import WarmSetPolicy


@dataclass(frozen=True, slots=True)
class ModelView:
    """One model. *ready_at* and *unloads_at* are seconds on the scheduler's clock.

    *state* is its engine's by the lifecycle table, *reported_state* the one to show: a load that waits for memory is loading, a
    model that is to be evicted drains. *slots* is how many requests it serves at once, or would once it is ready. *failures* counts
    those of its engine so far, *failing* says that the last one was not made up for by a stretch of good service. *load_seconds* is
    how long the last load took. *waits_for* is what a pending load waits for: ``header`` (its options
    are not known yet), ``check`` or ``room``; None where none is pending. *breaker* is the state of its circuit breaker,
    *breaker_cause* the failure that opened it, and *tried_at* when the next request is let through. *speed* is how fast it was
    lately.
    """

    profile: Profile
    state: State
    reported_state: State
    slots: int
    in_flight: int
    queued: int
    ready_at: float | None
    unloads_at: float | None
    failures: int
    failing: bool
    last_error: str | None
    load_seconds: float | None
    waits_for: str | None
    breaker: BreakerState = BreakerState.CLOSED
    breaker_cause: FallbackReason | None = None
    tried_at: float | None = None
    speed: Speed = field(default_factory=Speed)

    @property
    def name(self) -> str:
        """The profile's name."""
        return self.profile.name

    @classmethod
    def of(cls, model: ModelState, policy: WarmSetPolicy) -> "ModelView":
        """Return what may be seen of *model* now."""
        profile = model.profile
        serves = model.state in (State.READY, State.DRAINING)
        unloads = model.state is State.READY and model.idle and not policy.stays(model)
        return cls(
            profile=profile,
            state=model.state,
            reported_state=model.reported_state,
            slots=model.capacity if serves else min(profile.limits.max_concurrent, profile.slots),
            in_flight=len(model.serving),
            queued=len(model.queue),
            ready_at=model.ready_at if serves else None,
            unloads_at=model.idle_since + policy.idle_limit(model) if unloads else None,
            failures=model.restarts.total,
            failing=bool(model.restarts.streak),
            last_error=model.last_error,
            load_seconds=model.load_seconds,
            waits_for=_waits_for(model),
            breaker=model.breaker.state,
            breaker_cause=model.breaker.cause,
            tried_at=model.breaker.again_at,
            speed=replace(model.speed),
        )


@dataclass(frozen=True, slots=True)
class SchedulerView:
    """All models by name. *settled* says that the boot's loads are over, *left_out* why a model is not in the warm set."""

    models: Mapping[str, ModelView]
    settled: bool
    left_out: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RequestView:
    """One request that is being answered by *model* or waits for it.

    *position* is its place in the queue, from 1, and *wait_seconds* how long it is likely to wait on; both are None for one
    that is being answered, the second also where no service was measured yet. *arrived* is when it came, on
    the loop's clock. *attempt* counts the targets that it was sent to, *reason* is why it is not at its first.
    """

    id: str
    asked: str
    model: str
    client: str | None
    session: str | None
    priority: Priority
    position: int | None
    wait_seconds: float | None
    arrived: float
    attempt: int
    reason: FallbackReason | None

    @classmethod
    def of(cls, model: ModelState, most: int | None = None) -> "list[RequestView]":
        """Return what may be seen of the requests of *model*: those that it answers, then those that wait, in order.

        At *most* so many of each, the first: what a queue of thousands costs is then no more than that.
        """
        measured = model.state is State.READY and model.service_seconds is not None
        served = [(request, None, None) for request in islice(model.serving.values(), most)]
        waiting = [
            (request, place, model.expected_wait(place) if measured else None)
            for place, request in enumerate(islice(model.queue, most), 1)
        ]
        waiting += [
            (each, len(model.queue) + place, None)
            for place, each in enumerate(islice(model.awaiting_budget.values(), most), 1)
        ]
        return [
            cls(
                id=request.ticket.id,
                asked=request.ticket.route.asked,
                model=model.name,
                client=request.ticket.client,
                session=request.ticket.session,
                priority=request.ticket.priority,
                position=place,
                wait_seconds=wait,
                arrived=request.arrived,
                attempt=request.attempt,
                reason=request.reason,
            )
            for request, place, wait in (*served, *waiting)
        ]


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """Where a request waits: for which model, in what state that is, and its place in the queue, counting from 1.

    *seconds* is how long it is likely to wait on; None where no service of that model was measured yet.
    """

    model: str
    state: State
    position: int
    seconds: float | None = None

    def __str__(self) -> str:
        about = "" if self.seconds is None else f", about {max(1.0, self.seconds):.0f} s"
        return f"waiting for {self.model} ({self.state}), position {self.position}{about}"


@dataclass(frozen=True, slots=True)
class PoolView:
    """One pool: the bytes that models may hold of it in all, those that other programs hold, and those that are not promised."""

    id: str
    capacity: int
    others: int
    free: int


@dataclass(frozen=True, slots=True)
class WarmModelView:
    """A model of the warm set: the variant that is planned (None: not known), what that needs, and why it should be warm."""

    model: str
    variant: str | None
    needs: Bytes
    why: str | None
    state: State


@dataclass(frozen=True, slots=True)
class PendingLoadView:
    """A load that waits: what for, which models are evicted for it, and whether its files are still being checked."""

    model: str
    why: str
    victims: tuple[str, ...]
    checking: bool


@dataclass(frozen=True, slots=True)
class MemoryView:
    """The scheduler's account of the memory. *held* are the bytes that each model is promised, by pool id.

    What else a plan needs to decide as the scheduler does: *returning* are bytes that engines are giving back, *evictable* the
    models that may be evicted for a load by hand, *options* the ways to load each model, the scheduler's first choice first; of
    a loaded one, its own.
    """

    pools: tuple[PoolView, ...]
    held: Mapping[str, Bytes]
    warm_set: tuple[WarmModelView, ...]
    left_out: Mapping[str, str]
    proved_optimal: bool
    pending: tuple[PendingLoadView, ...]
    returning: Bytes
    evictable: tuple[EvictionCandidate, ...]
    options: Mapping[str, tuple[LoadOption, ...]]

    @classmethod
    def of(
        cls,
        models: Mapping[str, ModelState],
        ledger: MemoryLedger,
        admission: MemoryAdmission,
        policy: WarmSetPolicy,
        now: float,
    ) -> "MemoryView":
        """Return the account as it is *now* (seconds on the scheduler's clock)."""
        free = ledger.free()
        return cls(
            pools=tuple(
                PoolView(pool, size, ledger.others.get(pool, 0), free[pool]) for pool, size in ledger.capacity.items()
            ),
            held={name: dict(held) for name in models if (held := ledger.held(name))},
            warm_set=tuple(_warm_model(model, policy) for model in policy.in_order()),
            left_out=dict(policy.left_out),
            proved_optimal=policy.proved,
            pending=tuple(
                PendingLoadView(each.model, each.why, each.victims, each.checking is not None)
                for each in admission.pending
            ),
            returning=ledger.returning(),
            evictable=tuple(admission.candidates.by_hand(now)),
            options={name: tuple(_options(model, admission)) for name, model in models.items()},
        )


def _warm_model(model: ModelState, policy: WarmSetPolicy) -> WarmModelView:
    option = policy.preferred.get(model.name)
    variant = option.label if option else None
    needs = dict(option.needs) if option else {}
    return WarmModelView(model.name, variant, needs, policy.reason(model), model.reported_state)


def _options(model: ModelState, admission: MemoryAdmission) -> Sequence[LoadOption]:
    loaded = model.state in (State.LOADING, State.READY, State.DRAINING, State.SLEEPING)
    return [model.option] if loaded and model.option is not None else admission.options(model)


def _waits_for(model: ModelState) -> str | None:
    if model.pending_load is None:
        return None
    if not model.options_known:
        return "header"
    return "room" if model.pending_load.checking is None else "check"


@dataclass(frozen=True, slots=True)
class ProviderSpending:
    """USD of one provider: since midnight, the most that requests in flight may add, and the cap of a day (None: there is none).

    *resets_at* is the next midnight, on the scheduler's clock; None where it is not known.
    """

    provider: str
    today: float
    reserved: float
    cap: float | None
    resets_at: float | None


@dataclass(frozen=True, slots=True)
class AccountView:
    """What one owner has used up in the last minute, today and this month, and what requests in flight may add."""

    account: Account
    minute: Amounts
    day: Amounts
    month: Amounts
    reserved: Amounts
