"""Everything that can happen to the desk, in the past tense. The union `Event` is closed: the desk matches it exhaustively."""

from dataclasses import dataclass

from hostd.domain.reason import ExitClass, Reason
from hostd.domain.ticket import Ticket


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request came in and was understood."""

    ticket: Ticket


@dataclass(frozen=True, slots=True)
class Left:
    """A ticket is over without a full answer: its client went away, or its answer broke off."""

    ticket_id: str


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """A target failed a ticket before the first content byte, so another target may still answer."""

    ticket_id: str
    reason: Reason
    detail: str
    status: int = 503


@dataclass(frozen=True, slots=True)
class Finished:
    """A ticket was answered in full; *seconds* is how long the engine worked on it."""

    ticket_id: str
    seconds: float


@dataclass(frozen=True, slots=True)
class EngineReady:
    """An engine answered its first token. *slots* is how many sequences it really decodes together."""

    model: str
    slots: int
    seconds: float


@dataclass(frozen=True, slots=True)
class EngineBroke:
    """An engine failed to load, died, or was put down because it no longer answered."""

    model: str
    exit_class: ExitClass
    detail: str


@dataclass(frozen=True, slots=True)
class EngineGone:
    """An engine that was told to stop has left nothing behind."""

    model: str


@dataclass(frozen=True, slots=True)
class LoadAsked:
    """Somebody wants a model warm: the owner by hand, or the boot."""

    model: str
    why: str


@dataclass(frozen=True, slots=True)
class UnloadAsked:
    """The owner wants a model's memory back."""

    model: str


@dataclass(frozen=True, slots=True)
class Booted:
    """The daemon is up: load what the owner wants warm, one after another."""


@dataclass(frozen=True, slots=True)
class ClosingTime:
    """The daemon is going down: no new work, finish what runs, stop the engines."""


@dataclass(frozen=True, slots=True)
class Ticked:
    """A deadline that the desk had named has passed."""


Event = (
    Arrived
    | Left
    | AttemptFailed
    | Finished
    | EngineReady
    | EngineBroke
    | EngineGone
    | LoadAsked
    | UnloadAsked
    | Booted
    | ClosingTime
    | Ticked
)
