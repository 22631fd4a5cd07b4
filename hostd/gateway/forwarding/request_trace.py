"""What is known of one request so far: the model that answers, why that one, and the times; as headers and as a record."""

import itertools
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from multidict import istr

from hostd.domain.principal import Principal, PrincipalKind
from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Ticket
from hostd.telemetry.sinks import RequestRecord

REQUEST_ID = istr("X-Request-Id")
"""The header; its case is folded here once, and not at each look-up."""
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{1,128}")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_PREFIX = secrets.token_hex(5)
_numbers = itertools.count(1)


def request_id(headers: Mapping[str, str]) -> str:
    """Return the client's own ``x-request-id`` where it is harmless, else a new one."""
    given = headers.get(REQUEST_ID)
    if given is not None and _ACCEPTABLE.fullmatch(given):
        return given
    return f"req_{_PREFIX}{next(_numbers):08x}"


@dataclass(slots=True)
class RequestTrace:
    """What is known of a request. *waited*, *loaded* (part of it) and *ttft* in seconds; tokens are 0 until they are counted.

    *attempts* are the targets that were tried, *asked_again* the models among them that were asked twice: the call of a tool in
    their first answer could not be read. *cost* is in USD, None where it is not known (yet). *left_out* lists the request's
    members that the engine was not given, *thinking* what its model was asked for in the place of what was wished of thinking.
    *screened* says what a scan for private data led to and what kinds of it were found.
    *routed_by* is the step of routing that chose the model, empty where it is the first of its role.
    *guardrail* says why the request is taken to go round in a circle. *cascade* are the models whose answers did not pass a
    check, and which, *cost_before* is what those cost. *context_fit* says what was left out of a request that
    was too long.
    *fixed* are the lines of headers that do not depend on who answers.
    """

    request_id: str
    model: str = "none"
    backend: str = "none"
    route: str = "none"
    attempts: int = 0
    asked_again: tuple[str, ...] = ()
    waited: float = 0.0
    loaded: float = 0.0
    ttft: float = 0.0
    prompt_tokens: int = 0
    tokens: int = 0
    stream: bool = False
    cost: float | None = None
    left_out: str = ""
    thinking: str = ""
    screened: str = ""
    routed_by: str = ""
    guardrail: str = ""
    cascade: tuple[str, ...] = ()
    context_fit: str = ""
    cost_before: float = 0.0
    fixed: str = ""

    @property
    def exchanges(self) -> int:
        """How often an engine was asked."""
        return self.attempts + len(self.asked_again)

    @property
    def spent(self) -> float | None:
        """What all answers together cost, in USD; None where that is not known (yet)."""
        return self.cost if not self.cost_before else self.cost_before + (self.cost or 0.0)

    def set_route(self, reason: FallbackReason | None) -> None:
        """Set the route: why the request is not at its first choice, None where it is."""
        self.route = "primary" if reason is None else f"fallback:{reason}"

    def lines(self) -> str:
        """Return the headers that every answer carries as lines of its head."""
        waited, loaded = self.waited * 1000, self.loaded * 1000
        spent = self.spent
        cost = "" if spent is None else f"x-hostd-cost-usd: {spent:.8f}\r\n"
        left_out = header_lines({"x-hostd-left-out": self.left_out}) if self.left_out else ""
        thinking = f"x-hostd-thinking: {self.thinking}\r\n" if self.thinking else ""
        screened = f"x-hostd-private-data: {self.screened}\r\n" if self.screened else ""
        routed_by = f"x-hostd-routed-by: {self.routed_by}\r\n" if self.routed_by else ""
        guardrail = f"x-hostd-guardrail: {self.guardrail}\r\n" if self.guardrail else ""
        cascade = header_lines({"x-hostd-cascade": ", ".join(self.cascade)}) if self.cascade else ""
        context_fit = f"x-hostd-context-fit: {self.context_fit}\r\n" if self.context_fit else ""
        return (
            f"x-request-id: {self.request_id}\r\nrequest-id: {self.request_id}\r\n"
            f"{_answered_by(self.model, self.backend, self.route, self.exchanges)}"
            f"x-hostd-queue-ms: {'0' if waited < 0.5 else f'{waited:.0f}'}\r\n"
            f"Server-Timing: queue;dur={max(0.0, waited - loaded):.1f}, load;dur={loaded:.1f}, ttft;dur={self.ttft * 1000:.1f}\r\n"
            f"{cost}{left_out}{thinking}{screened}{routed_by}{guardrail}{cascade}{context_fit}{self.fixed}"
        )

    @property
    def announced(self) -> tuple[object, ...]:
        """What the head of a stream has to say of who answers."""
        return self.model, self.route, self.cascade, self.context_fit

    def in_a_comment(self) -> str:
        """Return who answers and why, and what was done to the request, for a stream whose head says something else."""
        told = {"x-hostd-cascade": ",".join(self.cascade), "x-hostd-context-fit": self.context_fit.replace("; ", ",")}
        more = "".join(f" {name}={said}" for name, said in told.items() if said)
        return f"x-hostd-model={self.model} x-hostd-route={self.route}{more}"

    def headers(self) -> dict[str, str]:
        """Return the headers that every answer carries."""
        return dict(line.split(": ", 1) for line in self.lines().split("\r\n")[:-1])


def header_lines(headers: Mapping[str, str]) -> str:
    """Return *headers* as lines of a head.

    Raises:
        ValueError: One of them would begin a line of its own.
    """
    if any(_CONTROLS.search(text) for header in headers.items() for text in header):
        raise ValueError("a header must not hold control characters")
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


@lru_cache(maxsize=1024)
def _answered_by(model: str, backend: str, route: str, attempts: int) -> str:
    """Return the headers in which almost all answers of a model are alike."""
    return header_lines(
        {
            "x-hostd-model": model,
            "x-hostd-backend": backend,
            "x-hostd-route": route,
            "x-hostd-attempts": str(attempts),
        }
    )


def request_record(  # noqa: PLR0913 - what is not known before the end
    trace: RequestTrace, sender: Principal, ticket: Ticket, outcome: str, status: int, total: float, *, sent: int = 0
) -> RequestRecord:
    """Return the record of a request that ends now, *total* seconds after it arrived.

    *sent* is the status that the client was sent.
    """
    return RequestRecord(
        trace.request_id,
        time.time() - total,
        ticket.route.profile,
        trace.model,
        trace.backend,
        trace.route,
        outcome,
        status,
        sender.client,
        trace.stream,
        trace.waited,
        trace.loaded,
        trace.ttft,
        total,
        trace.prompt_tokens,
        trace.tokens,
        sent,
        trace.spent,
        trace.exchanges,
        trace.asked_again,
        sender.client if sender.client is not None and sender.kind is PrincipalKind.KEY else None,
        ticket.route.role,
        ticket.session,
        ticket.id,
        ticket.route.difficulty,
    )
