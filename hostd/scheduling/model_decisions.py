"""What the scheduler has decided about models: their engines, the memory that they get, the warm set and breakers."""

from dataclasses import dataclass
from typing import ClassVar

from hostd.domain.reason import ExitClass, FallbackReason
from hostd.planning.warm_set.load_option import Bytes
from hostd.scheduling.weighed_model import WeighedModel


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
class Pinned:
    """A model stays loaded from now on, whatever others need: by hand, or since its profile says so anew."""

    event: ClassVar[str] = "pinned"
    model: str
    why: str


@dataclass(frozen=True, slots=True)
class Unpinned:
    """A model may be evicted for others from now on, and be unloaded when it is idle."""

    event: ClassVar[str] = "unpinned"
    model: str
    why: str


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


ModelDecision = (
    LoadStarted
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
    | Pinned
    | Unpinned
    | BreakerOpened
    | BreakerClosed
)
