"""What the scheduler and the gateway have decided, with the numbers that led to it: the closed union `Decision`.

A decision is what logs, metrics, records and ``hostd why`` read; none of them parses text. *event* is its name wherever it is
written down, and so are the names of its fields: what ends in ``_s`` is in seconds, in ``_ms`` in milliseconds, and memory is in
bytes by pool id. Those about one request stand here and in `gateway_decisions`, those about models in `model_decisions`.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from hostd.domain.budget import Account
from hostd.domain.reason import FallbackReason
from hostd.scheduling.gateway_decisions import CheckFailed, ContextFitted, LoopDetected
from hostd.scheduling.model_decisions import ModelDecision


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


RequestDecision = Routed | FellBack | Refused | RequestSuspected | Charged | LoopDetected | CheckFailed | ContextFitted
Decision = RequestDecision | ModelDecision
