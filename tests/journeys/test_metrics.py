"""The page of metrics of a real daemon with a real engine."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.journeys.host import Host, profile, serving, until
from tests.telemetry.test_grafana_dashboard import OF_ENGINES


def _values(host: Host) -> dict[str, float]:
    """Return all values by name; of those with several labels, one."""
    page = host.get("/metrics")
    assert 200 == page.status
    families = text_string_to_metric_families(page.body.decode())
    return {sample.name: sample.value for each in families for sample in each.samples}


def _blamed_by_prometheus(host: Host) -> list[str]:
    """Return what Prometheus' own tool does not like about the page, where it is installed; engines' names have colons."""
    tool = shutil.which("promtool")
    if tool is None:
        return []
    page = host.get("/metrics").body
    done = subprocess.run([tool, "check", "metrics"], input=page, capture_output=True, check=False)
    said = (done.stdout + done.stderr).decode().splitlines()
    return [line for line in said if not line.startswith("llamacpp:")]


def test_an_engine_is_on_the_page(tmp_path: Path) -> None:
    """With what the dashboard asks of llama-server; once it was killed, it counts from nothing, and the page is never missing."""
    of_llama = {name for name in OF_ENGINES if name.startswith("llamacpp:")}
    with serving(tmp_path, profile("chat")) as host:
        assert 200 == host.chat("chat").status
        seen = _values(host)
        assert of_llama | {"hostd_ttft_seconds_bucket", "hostd_vram_bytes"} <= seen.keys()
        assert 0 < seen["hostd_output_tokens_total"] <= seen["llamacpp:tokens_predicted_total"]
        assert [] == _blamed_by_prometheus(host)
        os.kill(host.row("chat")["pid"], signal.SIGKILL)
        until(lambda: _values(host)["hostd_engine_failures_total"] == 1)
        name = "llamacpp:prompt_tokens_total"
        until(lambda: _values(host).get(name, seen[name]) < seen[name])
