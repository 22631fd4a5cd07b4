"""Spans through OpenTelemetry's SDK to an OTLP endpoint. The SDK is imported when this is made, by a daemon that exports traces.

A thread makes the spans, and the SDK's own sends them: neither an endpoint that is slow nor one that is gone holds up a request.
"""

import threading
from collections import deque
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace.propagation import set_span_in_context

from hostd import __version__
from hostd.telemetry.traces.context import span_id_of, trace_id_of
from hostd.telemetry.traces.request_spans import REQUEST, RequestSeen, SpanData, SpanKind, spans_of
from hostd.telemetry.traces.settings import TraceSettings

log = structlog.get_logger()

_MOST_WAITING = 2000
_PAUSE = 0.2
"""Seconds for which requests are gathered before spans are made of them."""
_CLOSING = 3.0
_KINDS = {
    SpanKind.SERVER: trace.SpanKind.SERVER,
    SpanKind.CLIENT: trace.SpanKind.CLIENT,
    SpanKind.INTERNAL: trace.SpanKind.INTERNAL,
}
_EXPORTERS = {
    "http/protobuf": "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "grpc": "opentelemetry.exporter.otlp.proto.grpc.trace_exporter",
}


def exporter_for(settings: TraceSettings) -> SpanExporter:
    """Return the SDK's exporter, which reads the other variables itself: headers, timeout, compression, certificates.

    Raises:
        ImportError: It is not installed.
        ValueError: There is none for the protocol.
    """
    if settings.protocol not in _EXPORTERS:
        raise ValueError(f"there is no exporter for the protocol '{settings.protocol}': use http/protobuf")
    made: SpanExporter = import_module(_EXPORTERS[settings.protocol]).OTLPSpanExporter()
    return made


def _batches(exporter: SpanExporter, *, large: bool) -> BatchSpanProcessor:
    if not large:
        return BatchSpanProcessor(exporter)
    # Some 100 MB at the most, with `messages.LARGEST` twice in one span of three.
    return BatchSpanProcessor(exporter, max_queue_size=512, max_export_batch_size=32, schedule_delay_millis=1000)


class _GivenIds(IdGenerator):
    """The ids of the span that is made next; one thread makes all spans."""

    def __init__(self) -> None:
        self.trace_id = self.span_id = 1

    def generate_span_id(self) -> int:
        return self.span_id

    def generate_trace_id(self) -> int:
        return self.trace_id


class TraceExporter:
    """Makes spans of requests that are over and gives them to *exporter*; what comes faster than it can be sent is left out.

    Fewer spans wait where they may be *large*.
    """

    def __init__(self, exporter: SpanExporter, *, large: bool = False) -> None:
        self.left_out = 0
        self._ids = _GivenIds()
        self._provider = TracerProvider(resource=_resource(), id_generator=self._ids, shutdown_on_exit=False)
        self._provider.add_span_processor(_batches(exporter, large=large))
        self._tracer = self._provider.get_tracer("hostd", __version__)
        self._waiting: deque[RequestSeen] = deque(maxlen=_MOST_WAITING)
        self._wake, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    def put(self, seen: RequestSeen) -> None:
        """Take in a request that is over; returns at once."""
        self.left_out += len(self._waiting) == _MOST_WAITING
        self._waiting.append(seen)
        if not self._wake.is_set():
            self._wake.set()

    def samples(self, trace_id: int) -> bool:
        """Return whether the trace of a request that came with none is recorded."""
        result = self._provider.sampler.should_sample(None, trace_id, "POST")
        return result.decision is not Decision.DROP

    def close(self) -> None:
        """Export what is left, within a few seconds. Blocks."""
        self._closing.set()
        self._wake.set()
        self._thread.join(_CLOSING)
        # The SDK would wait half a minute for an endpoint that is gone.
        last = threading.Thread(target=self._provider.shutdown, name="last traces", daemon=True)
        last.start()
        last.join(_CLOSING)

    def _run(self) -> None:
        while not self._closing.is_set() or self._waiting:
            self._wake.wait()
            self._closing.wait(_PAUSE)
            self._wake.clear()
            if self._closing.is_set():
                self._wake.set()
            while self._waiting:
                try:
                    self.export(self._waiting.popleft())
                except Exception:
                    log.exception("bug", part="traces")

    def export(self, seen: RequestSeen) -> None:
        """Make the spans of one request."""
        ticket, made = seen.record.ticket, dict[str, Any]()
        self._ids.trace_id = trace_id_of(ticket)
        outer = trace.INVALID_SPAN
        if (parent := seen.parent) is not None:
            flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if parent.sampled else trace.TraceFlags.DEFAULT)
            outer = trace.NonRecordingSpan(
                trace.SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=flags)
            )
        spans = spans_of(seen)
        for each in spans:
            within = outer if each.parent is None else made[each.parent]
            self._ids.span_id = span_id_of(ticket, each.part)
            span = made[each.part] = self._tracer.start_span(
                each.name,
                context=set_span_in_context(within),
                kind=_KINDS[each.kind],
                attributes=dict(each.attributes),
                start_time=_ns(each.begin),
            )
            for event in each.events:
                span.add_event(event.name, dict(event.attributes), _ns(event.at))
            if each.error:
                span.set_status(trace.StatusCode.ERROR, each.error)
        self._end(spans, made)

    def _end(self, spans: Sequence[SpanData], made: dict[str, Any]) -> None:
        # The request's own last: some that receive spans take its end for the trace's.
        for each in sorted(spans, key=lambda each: each.part == REQUEST):
            made[each.part].end(_ns(max(each.begin, each.end)))


def _resource() -> Resource:
    """Return what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say of this process, and hostd's own name where they say none."""
    resource = Resource.create({"service.version": __version__})
    unnamed = str(resource.attributes.get("service.name", "")).startswith("unknown_service")
    return resource.merge(Resource({"service.name": "hostd"})) if unnamed else resource


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
