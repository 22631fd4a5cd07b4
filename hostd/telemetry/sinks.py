"""What is written down about requests, loads and decisions, and the protocol of everything that writes it down.

A sink is told of each decision once and of each request that is over once. The log, the metrics, the last decisions that
``hostd why`` shows and the database are sinks, and know nothing of one another.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec
import structlog

from hostd.dialects.base import InferenceRequest
from hostd.domain.capability import Found
from hostd.domain.model_choice import Difficulty
from hostd.planning.footprint.calibration import Observation
from hostd.scheduling.decisions import Decision, Routed
from hostd.scheduling.speed import Speed

log = structlog.get_logger()


class RequestRecord(msgspec.Struct, frozen=True, gc=False):
    """One request that is over. *at* is when it arrived, in seconds since 1970; all other times are seconds that passed.

    *asked* is the profile that was asked for first, *model* the one that answered or was tried last (``none``: none was),
    *route* as in ``x-hostd-route``, *outcome* one of answered, refused, failed, broken, gone. *status* is what became of the
    request as an HTTP status, *sent* the one that the client was sent (0: none). *waited* holds *loaded*. *ttft* counts from when
    the engine was asked, *total* from *at*. Tokens are 0 where they were not counted. *cost* is in USD; None where there is
    no price, or too little was counted. *attempts* is how often an engine was asked, *asked_again* names the
    models that were asked twice in a row: the call of a tool in their first answer could not be read. *key* is the name of the key
    that was shown, *role* the role that was asked for, *session* as the client names it; None where there was none. *ticket* is its
    id among decisions. *difficulty* is what it was routed by, where that was assessed.
    """

    # A structure, since there is one for each request: a named tuple takes three times as long to make and to read.
    id: str
    at: float
    asked: str
    model: str
    backend: str
    route: str
    outcome: str
    status: int
    client: str | None
    stream: bool
    waited: float
    loaded: float
    ttft: float
    total: float
    prompt_tokens: int
    output_tokens: int
    sent: int = 0
    cost: float | None = None
    attempts: int = 0
    asked_again: tuple[str, ...] = ()
    key: str | None = None
    role: str | None = None
    session: str | None = None
    ticket: str = ""
    difficulty: Difficulty | None = None


class Exchange(NamedTuple):
    """What a client sent to *path*, and the *answer* that it was sent; None where that may not be known."""

    request: InferenceRequest
    path: str
    traceparent: str | None = None
    answer: bytes | None = None


class LoadRecord(NamedTuple):
    """One load that ended with a ready engine; *needs* is the most that it was to take, in bytes by pool id."""

    at: float
    model: str
    variant: str
    seconds: float
    needs: Mapping[str, int]
    why: str


class ChargeRecord(NamedTuple):
    """What a request used up: *usd* at *provider* ("": none) and *tokens*, at *at* (seconds since 1970).

    *estimated* where it came to no counted end. *key*, *role* and *session* are the owners of budgets that it is charged to.
    """

    at: float
    provider: str
    model: str
    usd: float
    estimated: bool
    request: str | None = None
    tokens: int = 0
    key: str | None = None
    role: str | None = None
    session: str | None = None


class ProbeRecord(NamedTuple):
    """What a probe of *model* has *found* so far. *identity* tells its files and how they are launched, *build* its engine."""

    at: float
    model: str
    identity: str
    build: str
    found: Found


class DecisionRecord(NamedTuple):
    """One *decision*, made *at* so many seconds since 1970."""

    at: float
    decision: Decision


class FootprintRecord(NamedTuple):
    """What one load took, measured *at* so many seconds since 1970."""

    at: float
    found: Observation


class SpeedRecord(NamedTuple):
    """How fast *model* was *at* so many seconds since 1970, as its *profile* (a digest) had it served."""

    at: float
    model: str
    profile: str
    speed: Speed


class EnergyRecord(NamedTuple):
    """The *joules* that the machine's cards took in the *seconds* up to *at* (seconds since 1970)."""

    at: float
    joules: float
    seconds: float


class Sink:
    """Takes in what is decided and which requests are over, and ignores both; a sink overrides what it writes down.

    Both methods are called from the event loop, so they return at once, and they never raise. With *routes* unset it is not told
    which model answers a request: there is such a decision for each. One that *observes* is told what was said, too.
    """

    routes = True
    observes = False

    @property
    def takes_content(self) -> bool:
        """Whether a sink that observes wants to know answers, too."""
        return False

    def decided(self, decision: Decision, at: float) -> None:
        """Take in one decision, made *at* so many seconds since 1970."""

    def finished(self, record: RequestRecord) -> None:
        """Take in one request that is over."""

    def exchanged(self, record: RequestRecord, exchange: Exchange) -> None:
        """Take in what was said in one request that is over, if the sink observes."""

    def traceparent(self, ticket_id: str, received: str | None, attempt: int) -> str | None:  # noqa: ARG002
        """Return the ``traceparent`` of a request's *attempt*, where it came with *received*; None where no trace is kept."""
        return None


class Sinks:
    """All sinks of a daemon as one; *clock* gives seconds since 1970."""

    def __init__(self, sinks: Sequence[Sink] = (), clock: Callable[[], float] = time.time) -> None:
        self._sinks: list[Sink] = []
        # Each request has a decision about its route and a record; who does nothing with them is not told.
        self._told_of_routes: list[Sink] = []
        self._told_of_requests: list[Sink] = []
        self.observers: list[Sink] = []
        self._clock = clock
        for sink in sinks:
            self.add(sink)

    def add(self, sink: Sink) -> None:
        """Tell *sink*, too, from now on."""
        self._sinks.append(sink)
        if sink.routes:
            self._told_of_routes.append(sink)
        if type(sink).finished is not Sink.finished:
            self._told_of_requests.append(sink)
        if sink.observes:
            self.observers.append(sink)

    def decided(self, decision: Decision) -> None:
        """Tell every sink of a decision that is made now."""
        at = self._clock()
        for sink in self._told_of_routes if isinstance(decision, Routed) else self._sinks:
            try:
                sink.decided(decision, at)
            except Exception:
                # A mistake of ours in writing it down must not keep the decision from being carried out.
                log.exception("bug", sink=type(sink).__name__, decision=decision.event)

    def finished(self, record: RequestRecord) -> None:
        """Tell every sink of a request that is over."""
        for sink in self._told_of_requests:
            try:
                sink.finished(record)
            except Exception:
                log.exception("bug", sink=type(sink).__name__, request=record.id)

    def exchanged(self, record: RequestRecord, exchange: Exchange) -> None:
        """Tell the sinks that observe what was said in a request that is over."""
        for sink in self.observers:
            try:
                sink.exchanged(record, exchange)
            except Exception:
                log.exception("bug", sink=type(sink).__name__, request=record.id)
