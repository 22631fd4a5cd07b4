"""Everything that the scheduler is told, in the past tense. The union `Event` is closed: the scheduler matches it exhaustively."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hostd.domain.answer_sums import AnswerSums
from hostd.domain.budget import Account, Amounts, Budget, CountedUse, OthersUse
from hostd.domain.host import Pool
from hostd.domain.profile import Profile
from hostd.domain.reason import ExitClass, FallbackReason
from hostd.domain.ticket import Ticket
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.speed import Speed


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request arrived and was understood."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class ClientLeft:
    """A request is over without a full answer: its client disconnected, or its answer broke off.

    *digest* as in `AttemptFailed`. *broke_off* says that it is the target's doing.
    """

    ticket_id: str
    digest: str | None = None
    broke_off: bool = False


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """A target failed a request before the first content byte, so another target may still answer.

    *digest* is that of the request, where the target was still reading it; None where it never got it, or had begun to answer.
    *logged* stands for *detail* in decisions, where that repeats what the engine said, which may quote the request.
    *retry_after* is for how many seconds the target wants to be left alone (None: it does not say). Of a whole answer that a
    check has not let pass, *cost* (USD, None: not known) and *tokens* are what it took.
    """

    ticket_id: str
    reason: FallbackReason
    detail: str
    status: int = 503
    digest: str | None = None
    logged: str | None = None
    retry_after: float | None = None
    cost: float | None = None
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """A request was answered in full; *seconds* is how long the engine worked on it.

    *cost* is what it cost, in USD; None where it has no price, or too little was counted. *sums* are its tokens and times, as far
    as its engine tells them, *tokens* those of prompt and answer together; 0 where they were not counted.
    """

    ticket_id: str
    seconds: float
    cost: float | None = None
    sums: AnswerSums | None = None
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class EngineReady:
    """An engine answered its first token, after so many *seconds* of loading or waking.

    *slots* is how many sequences it really decodes together, *sleep_levels* those that it offers, the lightest first. *addressed*
    says that a request is told its slot.
    """

    model: str
    slots: int
    seconds: float
    sleep_levels: tuple[int, ...] = ()
    addressed: bool = False


@dataclass(frozen=True, slots=True)
class EngineKept:
    """An engine that an earlier daemon has left running was found, launched as *option* says; its instance knows it."""

    model: str
    option: LoadOption


@dataclass(frozen=True, slots=True)
class EngineFailed:
    """An engine failed to load, died, or was killed because it no longer answered.

    *self_inflicted* says that a request may be the cause: it crashed of itself, or computed without an end. *own_want* says that
    hostd could not run it for want of descriptors, processes or memory of its own.
    """

    model: str
    exit_class: ExitClass
    detail: str
    self_inflicted: bool = False
    own_want: bool = False


@dataclass(frozen=True, slots=True)
class EngineStopped:
    """An engine that was told to stop has left nothing behind."""

    model: str


@dataclass(frozen=True, slots=True)
class EngineSlept:
    """An engine that was told to sleep has done so, and its memory was seen to go down."""

    model: str


@dataclass(frozen=True, slots=True)
class LoadOptionsChanged:
    """What is known of the ways to load a model on this machine, best first; *why_not* says why there are no others."""

    model: str
    options: tuple[LoadOption, ...]
    why_not: str | None = None


@dataclass(frozen=True, slots=True)
class PreflightDone:
    """A load was looked at, as `RunPreflight` asked; *exit_class* and *detail* say why it would fail, None that it may begin.

    *own_want* as in `EngineFailed`.
    """

    model: str
    exit_class: ExitClass | None = None
    detail: str = ""
    own_want: bool = False


@dataclass(frozen=True, slots=True)
class MemoryMeasured:
    """The memory as it was measured just now: the pools, and what each model's engine holds of them, by model and pool id."""

    pools: tuple[Pool, ...]
    held: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScheduleChanged:
    """The hour or a window of the week has changed.

    *windows* are the models that a window wants warm now; *demand* is how many requests an hour each model may expect from
    now on, as learnt from weeks before.
    """

    windows: frozenset[str] = frozenset()
    demand: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpendingCounted:
    """What owners of budgets have used up before was read from the records.

    *day_ends_in* and *month_ends_in* are how many seconds are left of them; *recent* has what was used up in the last minute, each
    with how many seconds ago.
    """

    used: Mapping[Account, CountedUse]
    day_ends_in: float
    month_ends_in: float
    recent: tuple[tuple[Account, float, Amounts], ...] = ()


@dataclass(frozen=True, slots=True)
class SpeedsRecalled:
    """How fast models were before was read from the records; by name."""

    speeds: Mapping[str, Speed]


@dataclass(frozen=True, slots=True)
class UsedElsewhere:
    """What owners have used up through other hosts that share their budgets has changed; *used* has the sums that did.

    With *recent*, what is new of them was used up just now, and counts for limits of a minute.
    """

    used: Mapping[Account, OthersUse]
    recent: bool = True


@dataclass(frozen=True, slots=True)
class DayBegan:
    """A day of the local calendar has begun, and with *is_month* a month; seconds as in `SpendingCounted`."""

    day_ends_in: float
    month_ends_in: float
    is_month: bool


@dataclass(frozen=True, slots=True)
class Reconfigured:
    """The owner's settings were replaced: *profiles* are all that there are from now on, by name.

    *budgets* are those of providers from now on. The models in *relaunch* take another engine although their profiles may be the
    same: their backends are set otherwise.
    """

    profiles: Mapping[str, Profile]
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    relaunch: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LoadRequested:
    """A model is to be loaded now, whatever happened to it before: by hand, as a rule."""

    model: str
    why: str


@dataclass(frozen=True, slots=True)
class RoutedPast:
    """A request went elsewhere because *model* was not loaded, although it would have been the better one if it had been."""

    model: str


@dataclass(frozen=True, slots=True)
class UnloadRequested:
    """A model is to be unloaded: by hand, or *by_client*, which the owner and other clients come before.

    A client has a model unloaded only where that is loaded, idle and not pinned.
    """

    model: str
    by_client: bool = False


@dataclass(frozen=True, slots=True)
class PinRequested:
    """By hand, a model is to stay loaded whatever others need and however long it is idle, or no longer."""

    model: str
    pinned: bool


@dataclass(frozen=True, slots=True)
class Booted:
    """The daemon is up: the models of the warm set are loaded, one after another."""


@dataclass(frozen=True, slots=True)
class EngineProved:
    """An engine that was to prove itself has generated a token."""

    model: str


@dataclass(frozen=True, slots=True)
class CardsReturned:
    """Cards are there that were not, by the ids of their pools: what failed for want of them may be loaded again."""

    pools: frozenset[str]


@dataclass(frozen=True, slots=True)
class SuspendAnnounced:
    """The machine will sleep in so many *seconds*: what graphics cards hold is likely to be lost by then."""

    seconds: float


@dataclass(frozen=True, slots=True)
class HostResumed:
    """The machine has slept, and is awake again."""


@dataclass(frozen=True, slots=True)
class ShutdownRequested:
    """The daemon shuts down: no new requests, the running ones are finished, the engines are stopped."""


@dataclass(frozen=True, slots=True)
class Ticked:
    """A deadline that the scheduler had named has passed."""


ModelEvent = (
    EngineReady
    | EngineKept
    | EngineFailed
    | EngineStopped
    | EngineSlept
    | EngineProved
    | PreflightDone
    | LoadRequested
    | UnloadRequested
    | PinRequested
)
CardEvent = CardsReturned | SuspendAnnounced | HostResumed
RecordEvent = SpendingCounted | DayBegan | UsedElsewhere | SpeedsRecalled
EngineEvent = ModelEvent | LoadOptionsChanged | MemoryMeasured | ScheduleChanged | Reconfigured | Booted | CardEvent
Event = (
    Arrived
    | RoutedPast
    | ClientLeft
    | AttemptFailed
    | Finished
    | RecordEvent
    | EngineEvent
    | ShutdownRequested
    | Ticked
)
