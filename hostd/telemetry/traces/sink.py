"""Gathers what is seen of each request until it is over, and hands it on to be exported."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from hostd.scheduling.decisions import Decision, FellBack, Routed
from hostd.telemetry.sinks import Exchange, RequestRecord, Sink
from hostd.telemetry.traces import messages
from hostd.telemetry.traces.context import TraceContext, span_id_of, trace_id_of
from hostd.telemetry.traces.request_spans import AttemptSeen, RequestSeen, SpanEvent, UpstreamName

_MOST_OPEN = 10_000
"""Requests that are remembered until they are over; the oldest give way."""


class SpanExport(Protocol):
    """Takes requests that are over, and decides which traces are recorded."""

    def put(self, seen: RequestSeen) -> None:
        """Take in a request; returns at once."""

    def samples(self, trace_id: int) -> bool:
        """Return whether the trace of a request that came with none is recorded."""

    def close(self) -> None:
        """Export what is left, within seconds. Blocks."""


@dataclass(slots=True)
class _Open:
    attempts: list[AttemptSeen] = field(default_factory=list)
    fallbacks: list[SpanEvent] = field(default_factory=list)

    def leave(self, at: float, reason: str | None) -> None:
        """Note that the last attempt is over, unless it was before."""
        if self.attempts and self.attempts[-1].ended is None:
            self.attempts[-1] = self.attempts[-1]._replace(ended=at, reason=reason)


class TraceSink(Sink):
    """Follows requests by their decisions. *upstream* names what serves a model, *content* says whether messages are exported."""

    observes = True

    def __init__(
        self, export: SpanExport, upstream: Callable[[str], UpstreamName], content: Callable[[], bool]
    ) -> None:
        self._export = export
        self._upstream = upstream
        self._content = content
        self._open: OrderedDict[str, _Open] = OrderedDict()

    @property
    def takes_content(self) -> bool:
        """Whether it wants to know what was said, too."""
        return self._content()

    def decided(self, decision: Decision, at: float) -> None:
        """Note an attempt that begins, or a move to a fallback."""
        match decision:
            case Routed(model=model, ticket_id=ticket_id, attempt=attempt):
                request = self._of(ticket_id)
                request.leave(at, None)
                request.attempts.append(AttemptSeen(attempt, model, self._upstream(model), at))
            case FellBack(model=model, ticket_id=ticket_id, to=to, reason=reason):
                request = self._of(ticket_id)
                request.leave(at, str(reason))
                about = {
                    "hostd.route.fallback_from": model,
                    "hostd.route.fallback_to": to,
                    "hostd.route.reason": str(reason),
                }
                request.fallbacks.append(SpanEvent("hostd.fallback", at, about))
            case _:
                pass

    def exchanged(self, record: RequestRecord, exchange: Exchange) -> None:
        """Hand on a request that is over."""
        request = self._open.pop(record.ticket, None) or _Open()
        document, parent = exchange.request.document, TraceContext.parse(exchange.traceparent)
        seen = RequestSeen(
            record,
            exchange.path,
            exchange.request.dialect,
            parent,
            request.attempts,
            request.fallbacks,
            messages.parameters_of(document),
        )
        if exchange.answer is not None and self._content():
            # Left to the thread that makes the spans.
            seen = seen._replace(content=partial(messages.content_of, exchange.request, exchange.answer))
        self._export.put(seen)

    def traceparent(self, ticket_id: str, received: str | None, attempt: int) -> str | None:
        """Return the header for what a request is sent to at its *attempt*: the span of that, in the trace that it came with."""
        span, parent = span_id_of(ticket_id, str(attempt)), TraceContext.parse(received)
        if parent is not None:
            return parent._replace(span_id=span).header()
        trace_id = trace_id_of(ticket_id)
        return TraceContext(trace_id, span, self._export.samples(trace_id)).header()

    def close(self) -> None:
        """Export what is left, within seconds. Blocks."""
        self._export.close()

    def _of(self, ticket_id: str) -> _Open:
        found = self._open.get(ticket_id)
        if found is None:
            found = self._open[ticket_id] = _Open()
            if len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)
        return found
