"""Without an endpoint nothing is imported; with one, and without the packages, it is said what to install."""

import subprocess
import sys

import pytest
from structlog.testing import capture_logs

from hostd.domain.profile import Variant
from hostd.telemetry.traces.opening import open_traces

HERE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


def served(_model: str) -> Variant:
    """Return what serves every model."""
    return Variant("llamacpp", path="a.gguf")


@pytest.mark.slow
def test_nothing_is_wanted() -> None:
    """And nothing imported: a process of its own has no module of OpenTelemetry then."""
    assert open_traces({}, served, lambda: True) is None
    code = "import sys, hostd.assembly; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()


def test_the_extra_is_missing() -> None:
    """A warning names it; the daemon goes on."""
    hidden = "import sys; sys.modules['opentelemetry.sdk'] = None\n"
    code = (
        "from hostd.telemetry.traces.opening import open_traces\n"
        "print(open_traces({'OTEL_EXPORTER_OTLP_ENDPOINT': 'http://127.0.0.1:9'}, None, None))"
    )
    done = subprocess.run([sys.executable, "-c", hidden + code], capture_output=True, text=True, check=True)
    assert "traces_not_exported" in done.stdout
    assert "hostd[otel]" in done.stdout
    assert done.stdout.rstrip().endswith("None")


def test_an_unknown_protocol_is_said() -> None:
    """And no traces are exported."""
    with capture_logs() as logs:
        assert open_traces(HERE | {"OTEL_EXPORTER_OTLP_PROTOCOL": "smoke"}, served, lambda: False) is None
    assert ["traces_not_exported"] == [each["event"] for each in logs]
