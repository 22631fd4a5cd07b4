"""OpenTelemetry's own variables say whether there are traces, where they go, and what they hold."""

import pytest

from hostd.telemetry.traces.settings import TraceSettings

HERE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": " "},
        {"OTEL_SERVICE_NAME": "mine"},
        HERE | {"OTEL_SDK_DISABLED": "TRUE"},
        HERE | {"OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_there_are_none(environ: dict[str, str]) -> None:
    """Without an endpoint, or where they are turned off."""
    assert TraceSettings.of(environ) is None


def test_an_endpoint_is_enough() -> None:
    """That of traces counts before that of everything."""
    assert TraceSettings("http://127.0.0.1:4318", "http/protobuf", content=False) == TraceSettings.of(HERE)
    more = HERE | {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x/v1/traces", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    assert TraceSettings("http://x/v1/traces", "grpc", content=False) == TraceSettings.of(more)


@pytest.mark.parametrize(
    ("word", "content"), [("true", True), ("SPAN_ONLY", True), ("event_only", False), ("false", False)]
)
def test_content_is_asked_for(word: str, content: bool) -> None:
    """In the words of OpenTelemetry's instrumentations."""
    settings = TraceSettings.of(HERE | {CONTENT: word})
    assert settings is not None
    assert content is settings.content
