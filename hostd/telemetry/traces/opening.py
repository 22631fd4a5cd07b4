"""Whether traces are exported is up to the environment; nothing of OpenTelemetry is imported before it says so."""

from collections.abc import Callable, Mapping

import structlog

from hostd.domain.profile import Variant
from hostd.telemetry.traces.request_spans import UpstreamName
from hostd.telemetry.traces.settings import TraceSettings
from hostd.telemetry.traces.sink import TraceSink

log = structlog.get_logger()


def open_traces(
    environ: Mapping[str, str], served: Callable[[str], Variant], content: Callable[[], bool]
) -> TraceSink | None:
    """Return the sink of traces; None where no traces are wanted, or can be exported.

    *served* returns what serves a model. *content* says whether the owner lets traces hold what is asked and answered.
    """
    settings = TraceSettings.of(environ)
    if settings is None:
        return None
    try:
        from hostd.telemetry.traces.exporter import TraceExporter, exporter_for  # noqa: PLC0415 - an extra, and slow to import

        exporter = TraceExporter(exporter_for(settings), large=settings.content)
    except ImportError as error:
        hint = "install hostd[otel], or unset OTEL_EXPORTER_OTLP_ENDPOINT"
        log.warning("traces_not_exported", why=f"OpenTelemetry's packages are missing: {error}", hint=hint)
        return None
    except ValueError as error:
        log.warning("traces_not_exported", why=str(error), hint="see OpenTelemetry's variables OTEL_*")
        return None
    log.info("traces_exported", endpoint=settings.endpoint, content=settings.content and content())
    return TraceSink(exporter, lambda model: UpstreamName.of(served(model)), lambda: settings.content and content())
