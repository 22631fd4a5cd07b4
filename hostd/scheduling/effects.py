"""Everything that the desk can ask for, in the imperative. The union `Effect` is closed: the performer matches it exhaustively."""

from collections.abc import Mapping
from dataclasses import dataclass

from hostd.domain.errors import HostdError
from hostd.domain.reason import FallbackReason
from hostd.planning.warm_set.load_option import LoadOption


@dataclass(frozen=True, slots=True)
class Serve:
    """Send a ticket to a model now.

    *reason* is why it is not the first choice (None: it is); *waited* and *loaded* are the seconds that it spent in
    queues and, of these, waiting for a load.
    """

    ticket_id: str
    model: str
    attempt: int
    reason: FallbackReason | None
    waited: float
    loaded: float


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer a ticket with an error; nothing else will."""

    ticket_id: str
    error: HostdError
    model: str
    attempts: int
    reason: FallbackReason | None
    waited: float


@dataclass(frozen=True, slots=True)
class RunPreflight:
    """See whether a load could begin at all (its files, its flags) and how much memory is free now, before anybody goes for it.

    The answer is a `MemorySeen`, then a `Checked`.
    """

    model: str
    option: LoadOption


@dataclass(frozen=True, slots=True)
class Start:
    """Launch the engine of a model, as *choice* says; without one, as its instance finds best."""

    model: str
    option: LoadOption | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the engine of a model and see that nothing of it is left."""

    model: str


@dataclass(frozen=True, slots=True)
class Sleep:
    """Have the engine of a model give back its memory but stay; *level* is one that its backend offers."""

    model: str
    level: int


@dataclass(frozen=True, slots=True)
class Wake:
    """Have a sleeping engine take its memory again; it reports `EngineReady`."""

    model: str


@dataclass(frozen=True, slots=True)
class Remove:
    """Forget a model that the owner has removed: it has no engine any more, and no request waits for it."""

    model: str


@dataclass(frozen=True, slots=True)
class Explain:
    """Write down one decision with the numbers that led to it."""

    decision: str
    model: str
    ticket_id: str | None
    numbers: Mapping[str, object]


Effect = Serve | Refuse | RunPreflight | Start | Stop | Sleep | Wake | Remove | Explain
