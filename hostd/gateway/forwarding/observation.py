"""What sinks that observe requests are told of one: its trace, what was asked, and what was answered where that may be known.

Without such a sink none of it is made.
"""

from aiohttp import web

from hostd.dialects.base import InferenceRequest
from hostd.domain.profile import Variant
from hostd.domain.ticket import Ticket
from hostd.gateway.context import InferenceServices, RequestContext
from hostd.gateway.forwarding.downstream import Downstream
from hostd.gateway.forwarding.loop_check import LoopCheck
from hostd.gateway.forwarding.loop_signs import passed_on
from hostd.gateway.forwarding.request_trace import RequestTrace
from hostd.gateway.http.answers import WholeAnswer
from hostd.telemetry.sinks import Exchange, Sinks

_TRACE = "traceparent"
_MOST_KEPT = 256 * 1024
"""Bytes of an answer beyond which it is not kept."""


class RecordedDownstream(Downstream):
    """Keeps what it sends of the answer."""

    kept = b""

    async def send(self, events: bytes) -> None:
        """Send events as `Downstream` does."""
        self._keep(events)
        await super().send(events)

    def push(self, events: bytes) -> bool:
        """Send events as `Downstream` does."""
        self._keep(events)
        return super().push(events)

    async def finish(self, events: bytes) -> web.StreamResponse:
        """Send the last events as `Downstream` does."""
        self._keep(events)
        return await super().finish(events)

    def _keep(self, events: bytes) -> None:
        if len(self.kept) <= _MOST_KEPT:
            self.kept += events


def downstream_for(sinks: Sinks) -> type[Downstream]:
    """Return what sends streams."""
    return RecordedDownstream if any(sink.takes_content for sink in sinks.observers) else Downstream


def exchange_of(
    ctx: RequestContext,
    inference: InferenceRequest,
    response: web.StreamResponse | None,
    down: Downstream | None,
    *,
    shown: bool,
) -> Exchange:
    """Return what was said; the answer only where it may be *shown*."""
    answer: bytes | None = None
    if shown and isinstance(down, RecordedDownstream) and len(down.kept) <= _MOST_KEPT:
        answer = down.kept
    elif shown and isinstance(response, WholeAnswer) and len(response.whole) <= _MOST_KEPT:
        answer = response.whole
    return Exchange(inference, ctx.request.path, ctx.request.headers.get(_TRACE), answer)


def may_be_shown(ticket: Ticket, trace: RequestTrace, *, scans: bool, scanned: bool) -> bool:
    """Return whether what was said may leave with a trace: it is not private, and where the owner *scans*, nothing was found."""
    return not ticket.route.private and (not scans or (scanned and not trace.screened))


def told_upstream(
    services: InferenceServices, ctx: RequestContext, loop: LoopCheck | None, ticket_id: str, variant: Variant
) -> dict[str, str]:
    """Return the headers by which a server that is *variant* can tell circles, and goes on with the trace where one is kept."""
    told = passed_on(None if loop is None else loop.signs, variant)
    observers = services.sinks.observers
    if not observers or _TRACE not in told:
        return told
    received, attempt = ctx.request.headers.get(_TRACE), ctx.trace.attempts
    own = (sink.traceparent(ticket_id, received, attempt) for sink in observers)
    told[_TRACE] = next((each for each in own if each), told[_TRACE])
    if loop is not None:
        services.loops.leads_on(loop.signs, told[_TRACE])
    return told
