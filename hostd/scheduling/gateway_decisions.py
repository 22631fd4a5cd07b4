"""What the gateway decides about a request or its answer, and explains beside the decisions of the scheduler."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class LoopDetected:
    """A request for *model* goes round in a circle, as *why* says: *to* answers it instead, None: it is refused."""

    event: ClassVar[str] = "loop_detected"
    model: str
    ticket_id: str
    to: str | None
    why: str


@dataclass(frozen=True, slots=True)
class ContextFitted:
    """A request that was too long for *model*, and all others, is made shorter.

    Of so many *results* of tools something is left out, and so many messages are *summarised* *by* a profile. Bytes are those of
    the request.
    """

    event: ClassVar[str] = "context_fitted"
    model: str
    ticket_id: str
    results: int
    summarised: int
    by: str | None
    bytes_before: int
    bytes_after: int


@dataclass(frozen=True, slots=True)
class CheckFailed:
    """The answer of *model* did not pass a *check* of its role's cascade, as *why* says; *kept*: it is given nevertheless."""

    event: ClassVar[str] = "check_failed"
    model: str
    ticket_id: str
    check: str
    why: str
    kept: bool = False
