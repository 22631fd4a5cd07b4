"""Spans through the real SDK: their ids, parents, sampling, and an endpoint that is gone."""

import threading
import time

import pytest

pytest.importorskip("opentelemetry.sdk", reason="needs hostd[otel]")

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from hostd.dialects.base import Dialect
from hostd.telemetry.traces import exporter as exporting
from hostd.telemetry.traces.context import TraceContext, span_id_of, trace_id_of
from hostd.telemetry.traces.exporter import TraceExporter, exporter_for
from hostd.telemetry.traces.request_spans import AttemptSeen, RequestSeen, UpstreamName
from hostd.telemetry.traces.settings import TraceSettings
from tests.telemetry.example_records import NOON, request


def seen(parent: TraceContext | None = None) -> RequestSeen:
    """Return a request that moved once and was answered."""
    engine = UpstreamName("llamacpp")
    attempts = [AttemptSeen(1, "alpha", engine, NOON, NOON + 0.5, "stall"), AttemptSeen(2, "beta", engine, NOON + 0.5)]
    record = request(ticket="t1", waited=0.25, sent=200)
    return RequestSeen(record, "/v1/chat/completions", Dialect.OPENAI_CHAT, parent, attempts, [], {})


def exported(*requests: RequestSeen) -> dict[str, ReadableSpan]:
    """Return the spans that are exported, by name."""
    memory = InMemorySpanExporter()
    exporter = TraceExporter(memory)
    for each in requests:
        exporter.put(each)
    exporter.close()
    return {span.name: span for span in memory.get_finished_spans()}


def test_spans_are_those_that_upstreams_were_told() -> None:
    """Ids are made of the ticket; each span is in the one that it belongs to."""
    spans = exported(seen())
    whole, first, last = (spans[name] for name in ("POST /v1/chat/completions", "chat alpha", "chat beta"))
    assert whole.context is not None
    assert (trace_id_of("t1"), span_id_of("t1")) == (whole.context.trace_id, whole.context.span_id)
    assert whole.parent is None
    for span, part in ((first, "1"), (last, "2")):
        assert span.context is not None
        assert span.parent is not None
        assert (span_id_of("t1", part), span_id_of("t1")) == (span.context.span_id, span.parent.span_id)
    assert (int(NOON * 1e9), int((NOON + 2.0) * 1e9)) == (whole.start_time, whole.end_time)
    assert (StatusCode.ERROR, StatusCode.UNSET) == (first.status.status_code, last.status.status_code)


def test_a_clients_trace_goes_on() -> None:
    """Under the client's span; one that the client does not record is not exported."""
    parent = TraceContext(7, 8, sampled=True)
    whole = exported(seen(parent))["POST /v1/chat/completions"]
    assert whole.context is not None
    assert whole.parent is not None
    assert (7, 8) == (whole.context.trace_id, whole.parent.span_id)
    assert {} == exported(seen(parent._replace(sampled=False)))


def test_the_environment_names_and_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """By OpenTelemetry's own variables; without them the service is hostd."""
    assert "hostd" == exported(seen())["chat beta"].resource.attributes["service.name"]
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=home")
    attributes = exported(seen())["chat beta"].resource.attributes
    assert ("mine", "home") == (attributes["service.name"], attributes["deployment.environment.name"])
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    exporter = TraceExporter(InMemorySpanExporter())
    assert not exporter.samples(trace_id_of("t1"))
    exporter.close()


def test_an_endpoint_that_is_gone_keeps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither who is served, nor for long who ends the daemon."""
    settings = TraceSettings("http://127.0.0.1:9", "http/protobuf", content=True)
    monkeypatch.setattr(exporting, "_CLOSING", 0.5)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", settings.endpoint)
    gone = exporter_for(settings)
    exporter = TraceExporter(gone, large=True)
    began = time.perf_counter()
    for _ in range(3000):
        exporter.put(seen())
    assert 1.0 > time.perf_counter() - began
    exporter.close()
    assert 3.0 > time.perf_counter() - began
    # What still tries would draw random numbers while other tests do.
    gone.shutdown()
    for thread in threading.enumerate():
        if thread.name == "last traces":
            thread.join(20)
            assert not thread.is_alive()


def test_protocols() -> None:
    """One that is not known is said."""
    with pytest.raises(ValueError, match="http/json"):
        exporter_for(TraceSettings("http://127.0.0.1:9", "http/json", content=False))
