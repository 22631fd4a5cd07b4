"""Everything that the scheduler can ask for, in the imperative. The union `Effect` is closed, and is matched exhaustively."""

from dataclasses import dataclass
from typing import NamedTuple

from hostd.domain.errors import HostdError
from hostd.domain.reason import FallbackReason
from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.decisions import Decision


class Serve(NamedTuple):
    """Send a request to a model now. A tuple, since one is made for each request.

    *reason* is why it is not the first choice (None: it is); *waited* and *loaded* are the seconds that it spent in
    queues and, of these, waiting for a load. *slot* is the engine's slot that is to serve it; None: the engine chooses.
    """

    ticket_id: str
    model: str
    attempt: int
    reason: FallbackReason | None
    waited: float
    loaded: float
    slot: int | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer a request with an error; nothing else will."""

    ticket_id: str
    error: HostdError
    model: str
    attempts: int
    reason: FallbackReason | None
    waited: float


@dataclass(frozen=True, slots=True)
class RunPreflight:
    """See whether a load could begin at all (its files, its flags) and how much memory is free, before a model is evicted for it.

    The answer is a `MemoryMeasured`, then a `PreflightDone`.
    """

    model: str
    option: LoadOption


@dataclass(frozen=True, slots=True)
class Start:
    """Launch the engine of a model, as *option* says; without one, as its instance finds best."""

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
class Prove:
    """Have the engine of a model generate a token; it reports `EngineProved`, or fails."""

    model: str


@dataclass(frozen=True, slots=True)
class Remove:
    """Forget a model that the owner has removed: it has no engine any more, and no request waits for it."""

    model: str


@dataclass(frozen=True, slots=True)
class Explain:
    """Tell the sinks of a decision."""

    decision: Decision


Effect = Serve | Refuse | RunPreflight | Start | Stop | Sleep | Wake | Prove | Remove | Explain
