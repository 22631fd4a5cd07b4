"""What OpenTelemetry's own variables say of traces (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables)."""

from collections.abc import Mapping
from typing import NamedTuple

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_IN_SPANS = frozenset({"true", "1", "span_only", "span_and_event"})


class TraceSettings(NamedTuple):
    """Traces are exported to *endpoint* by *protocol*; *content* is the first of two words that it takes to export messages."""

    endpoint: str
    protocol: str
    content: bool

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "TraceSettings | None":
        """Return what *environ* says; None where no traces are wanted."""

        def said(*names: str) -> str:
            return next((text for name in names if (text := environ.get(name, "").strip())), "")

        endpoint = said(*_ENDPOINTS)
        off = said("OTEL_SDK_DISABLED").lower() == "true" or said("OTEL_TRACES_EXPORTER").lower() == "none"
        if not endpoint or off:
            return None
        return cls(endpoint, said(*_PROTOCOLS).lower() or "http/protobuf", said(_CONTENT).lower() in _IN_SPANS)
