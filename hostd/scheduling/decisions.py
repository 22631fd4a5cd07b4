"""What the scheduler has decided, with the numbers that led to it: the closed union `Decision`.

A decision is what logs, metrics, records and ``hostd why`` read; none of them parses text. *event* is its name wherever it is
written down, and so are the names of its fields: what ends in ``_s`` is in seconds, in ``_ms`` in milliseconds, and memory is in
bytes by pool id.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from hostd.domain.budget import Account
from hostd.domain.reason import ExitClass, FallbackReason
from hostd.planning.warm_set.load_option import Bytes
from hostd.scheduling.gateway_decisions import CheckFailed, ContextFitted, LoopDetected
from hostd.scheduling.weighed_model import WeighedModel


class Routed(NamedTuple):
    """A request is answered by *model*; *reason* is why it is not the first choice (None: it is). *routed_by* is a rule of it."""

    model: str
    ticket_id: str
    asked: str
    reason: FallbackReason | None
    attempt: int
    waited_ms: float
    capacity: int
    in_flight: int
    queued: int
    routed_by: str = ""

    @property
    def event(self) -> str:
        """The name of the decision."""
        return "routed"


@dataclass(frozen=True, slots=True)
class FellBack:
    """A request moves from *model* to the next target of its route."""

    event: ClassVar[str] = "fell_back"
    model: str
    ticket_id: str
    to: str
    reason: FallbackReason
    why: str
    waited_ms: float
    in_flight: int
    queued: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A request is answered with an error, as no target is left."""

    event: ClassVar[str] = "refused"
    model: str
    ticket_id: str
    asked: str
    code: str
    why: str
    waited_ms: float
    retry_after: float | None
    in_flight: int
    queued: int


@dataclass(frozen=True, slots=True)
class LoadStarted:
    """An engine is started."""

    event: ClassVar[str] = "load_started"
    model: str
    why: str
    variant: str | None
    queued: int
    restarts: int


@dataclass(frozen=True, slots=True)
class WakeStarted:
    """A sleeping engine is woken."""

    event: ClassVar[str] = "wake_started"
    model: str
    why: str
    variant: str | None
    queued: int
    restarts: int


@dataclass(frozen=True, slots=True)
class Adopted:
    """An engine that an earlier daemon left running is gone on with."""

    event: ClassVar[str] = "adopted"
    model: str
    variant: str


@dataclass(frozen=True, slots=True)
class ModelReady:
    """An engine has answered its first token."""

    event: ClassVar[str] = "model_ready"
    model: str
    load_s: float
    slots: int
    queued: int


@dataclass(frozen=True, slots=True)
class Slept:
    """An engine gives its memory back, but for *keeps*, and stays."""

    event: ClassVar[str] = "slept"
    model: str
    level: int
    keeps: Bytes


@dataclass(frozen=True, slots=True)
class Unloaded:
    """An engine is stopped: by hand, since it was idle, or at the end."""

    event: ClassVar[str] = "unloaded"
    model: str
    why: str
    in_flight: int
    idle_s: float


@dataclass(frozen=True, slots=True)
class StopCompleted:
    """Nothing is left of an engine that was to stop."""

    event: ClassVar[str] = "engine_stopped"
    model: str
    queued: int


@dataclass(frozen=True, slots=True)
class FailureHandled:
    """An engine could not be loaded, or died; it is started again in *again_in_s*, or not by itself (None).

    *charged_to* are the requests (ids) that are taken for the cause, so that the failure does not count among those *in_a_row*.
    """

    event: ClassVar[str] = "engine_failed"
    model: str
    exit_class: ExitClass
    why: str
    loading: bool
    in_a_row: int
    again_in_s: float | None
    charged_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VariantSkipped:
    """A variant could not be loaded, so that another one is tried."""

    event: ClassVar[str] = "next_variant"
    model: str
    exit_class: ExitClass
    why: str
    tried: str
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MemoryGranted:
    """Memory is promised to a load."""

    event: ClassVar[str] = "memory_granted"
    model: str
    why: str
    variant: str
    needs: Bytes
    free: Bytes
    waited_s: float
    evicted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WaitingForMemory:
    """A load waits until enough models may be evicted, *until_s* from now (None: until an event that has no time).

    Of the *queued* requests that wait for it, *late* ones could not be served in time even if it began now.
    """

    event: ClassVar[str] = "waiting_for_memory"
    model: str
    why: str
    variant: str
    needs: Bytes
    free: Bytes
    until_s: float | None
    victims: tuple[str, ...]
    candidates: tuple[WeighedModel, ...]
    queued: int
    late: int = 0


@dataclass(frozen=True, slots=True)
class InsufficientMemory:
    """A load cannot have enough memory, even if every model that may be evicted is."""

    event: ClassVar[str] = "insufficient_memory"
    model: str
    needs: Bytes
    free: Bytes
    short: Bytes
    pinned: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoadDeferred:
    """A load that no request waits for is put off, since it would evict models that are in use."""

    event: ClassVar[str] = "load_deferred"
    model: str
    why: str
    variant: str
    needs: Bytes
    free: Bytes
    short: Bytes


@dataclass(frozen=True, slots=True)
class Evicted:
    """*model* is unloaded, or put to sleep, for the load of *for_model*; *candidates* are those among which it was the choice."""

    event: ClassVar[str] = "evicted"
    model: str
    for_model: str
    why: str
    cost_s: float
    needs: Bytes
    free: Bytes
    free_soon: Bytes
    candidates: tuple[WeighedModel, ...]
    in_flight: int


@dataclass(frozen=True, slots=True)
class WarmPlanned:
    """A model is in the warm set from now on, with *variant*; or it is left out of it."""

    event: ClassVar[str] = "warm_planned"
    model: str
    warm: bool
    why: str | None
    variant: str | None = None
    needs: Bytes | None = None


@dataclass(frozen=True, slots=True)
class RequestSuspected:
    """A request is taken for the cause of the crash of *model*, which *why* describes, as it was being read then.

    *alone*: nothing else can have been the cause. *engines* is how many have crashed with it so far; it is refused for
    *refused_for_s*, or tried once more (None).
    """

    event: ClassVar[str] = "request_suspected"
    model: str
    ticket_id: str
    why: str
    alone: bool
    engines: int
    refused_for_s: float | None


@dataclass(frozen=True, slots=True)
class Charged:
    """A request to *model* has cost *usd* at *provider* (None: it has none), which has cost *today_usd* since midnight.

    *cap_usd* is what the provider may cost a day (None: anything); *estimated*: it came to no counted end. *accounts* are the other
    owners of budgets that it is charged to, *tokens* those that it has used up.
    """

    event: ClassVar[str] = "charged"
    model: str
    ticket_id: str
    provider: str | None
    usd: float
    today_usd: float
    cap_usd: float | None
    estimated: bool = False
    tokens: int = 0
    accounts: tuple[Account, ...] = ()


@dataclass(frozen=True, slots=True)
class BreakerOpened:
    """*model* is left alone for *wait_s*, since so many *failures* of the *requests* of the last minute were too many.

    *reason* is that of the last failure, which *why* describes. A probe that fails opens it again, with no requests counted.
    """

    event: ClassVar[str] = "breaker_opened"
    model: str
    reason: FallbackReason
    why: str
    failures: int
    requests: int
    wait_s: float


@dataclass(frozen=True, slots=True)
class BreakerClosed:
    """*model* answers again, and takes all requests; *opened* is how often it was left alone so far."""

    event: ClassVar[str] = "breaker_closed"
    model: str
    opened: int


Decision = (
    (Routed | FellBack | Refused | RequestSuspected | Charged | LoopDetected | CheckFailed | ContextFitted)
    | LoadStarted
    | WakeStarted
    | Adopted
    | ModelReady
    | Slept
    | Unloaded
    | StopCompleted
    | FailureHandled
    | VariantSkipped
    | MemoryGranted
    | WaitingForMemory
    | InsufficientMemory
    | LoadDeferred
    | Evicted
    | WarmPlanned
    | BreakerOpened
    | BreakerClosed
)
