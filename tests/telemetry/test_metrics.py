"""The counters have the names that dashboards rely on, and move with what is decided."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hostd import __version__
from hostd.domain.lifecycle import State
from hostd.scheduling.effects import Explain, Stop
from hostd.scheduling.model_state import ModelState
from hostd.telemetry.metrics import Metrics
from tests.stage import make_profile

NAMES = {
    *("hostd_queue_depth", "hostd_inflight", "hostd_model_state", "hostd_engine_failures", "hostd_build_info"),
    *("hostd_requests", "hostd_fallbacks", "hostd_loads", "hostd_model_load_seconds", "hostd_streams_broken"),
    *("hostd_queue_wait_seconds", "hostd_ttft_seconds", "hostd_output_tokens", "hostd_evictions"),
}


@pytest.fixture
def model() -> ModelState:
    """A model that is ready."""
    return ModelState(make_profile("alpha", "a"), state=State.READY)


def samples(metrics: Metrics) -> dict[str, float]:
    """Return every sample as ``name{labels}``."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {
        sample.name + str(sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def test_has_its_names(model: ModelState) -> None:
    """Names are a contract."""
    text = Metrics(lambda: [model]).exposition().decode()
    assert NAMES == {family.name for family in text_string_to_metric_families(text)}
    assert f'hostd_build_info{{version="{__version__}"}} 1.0' in text


def test_reads_the_lanes_at_a_scrape(model: ModelState) -> None:
    """What the desk knows is not counted twice."""
    metrics = Metrics(lambda: [model])
    assert 1.0 == samples(metrics)["hostd_model_state[('model', 'alpha'), ('state', 'ready')]"]
    model.state, model.restarts.total = State.FAILED, 3
    after = samples(metrics)
    assert 0.0 == after["hostd_model_state[('model', 'alpha'), ('state', 'ready')]"]
    assert 3.0 == after["hostd_engine_failures[('model', 'alpha')]"]


def test_counts_decisions(model: ModelState) -> None:
    """Fallbacks, loads and load times are counted; other effects are not."""
    metrics = Metrics(lambda: [model])
    metrics.observe(Explain("fallback", "alpha", "1", {"to": "beta", "reason": "crashed"}))
    metrics.observe(Explain("load", "alpha", None, {"why": "preload"}))
    metrics.observe(Explain("ready", "alpha", None, {"load_s": 2.0}))
    metrics.observe(Explain("unload", "alpha", None, {}))
    metrics.observe(Stop("alpha"))
    seen = samples(metrics)
    assert 1.0 == seen["hostd_fallbacks_total[('from', 'alpha'), ('reason', 'crashed'), ('to', 'beta')]"]
    assert 1.0 == seen["hostd_loads_total[('model', 'alpha'), ('reason', 'preload')]"]
    assert 2.0 == seen["hostd_model_load_seconds_sum[('model', 'alpha')]"]


def test_counts_answers(model: ModelState) -> None:
    """Each answer by model, engine, route and status, with its times and tokens."""
    metrics = Metrics(lambda: [model])
    for _ in range(2):
        metrics.answered("alpha", "llamacpp", "primary", 200)
        metrics.served("alpha", 0.5, 0.25, 10)
    metrics.broken("alpha")
    seen = samples(metrics)
    key = "[('backend', 'llamacpp'), ('code', '200'), ('model', 'alpha'), ('route', 'primary')]"
    assert 2.0 == seen[f"hostd_requests_total{key}"]
    assert (1.0, 0.5, 20.0) == tuple(
        seen[f"{name}[('model', 'alpha')]"]
        for name in ("hostd_queue_wait_seconds_sum", "hostd_ttft_seconds_sum", "hostd_output_tokens_total")
    )
    assert 1.0 == seen["hostd_streams_broken_total[('model', 'alpha')]"]
