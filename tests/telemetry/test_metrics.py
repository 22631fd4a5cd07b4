"""The counters have the names that dashboards rely on, and move with what is decided."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hostd import __version__
from hostd.domain.lifecycle import State
from hostd.scheduling.decisions import Charged, FellBack
from hostd.scheduling.model_decisions import BreakerOpened, Evicted, LoadStarted, ModelReady, Unloaded, WakeStarted
from hostd.scheduling.scheduler import Scheduler
from hostd.scheduling.view import ProviderSpending
from hostd.telemetry.metrics import Metrics
from tests.stage import make_profile
from tests.telemetry.example_decisions import example
from tests.telemetry.example_records import request

NAMES = {
    *(
        "hostd_queue_depth",
        "hostd_inflight",
        "hostd_model_state",
        "hostd_breaker_state",
        "hostd_engine_failures",
        "hostd_build_info",
    ),
    *("hostd_requests", "hostd_fallbacks", "hostd_loads", "hostd_model_load_seconds", "hostd_streams_broken"),
    *(
        "hostd_queue_wait_seconds",
        "hostd_ttft_seconds",
        "hostd_output_tokens",
        "hostd_evictions",
        "hostd_cost_usd",
        "hostd_breaker_opened",
        "hostd_prompt_tokens",
        "hostd_attempts",
        "hostd_asked_again",
        "hostd_cloud_cost_usd",
        "hostd_provider_today_usd",
        "hostd_provider_reserved_usd",
        "hostd_provider_cap_usd",
        "hostd_request_duration_seconds",
        "hostd_time_per_output_token_seconds",
        "hostd_vram_bytes",
        "hostd_model_memory_bytes",
    ),
}


@pytest.fixture
def scheduler() -> Scheduler:
    """A scheduler with one model."""
    return Scheduler({"alpha": make_profile("alpha", "a")})


def samples(metrics: Metrics) -> dict[str, float]:
    """Return every sample as ``name{labels}``."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {
        sample.name + str(sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def test_has_its_names(scheduler: Scheduler) -> None:
    """Names are a contract."""
    text = Metrics(scheduler.view, memory=lambda: scheduler.memory(0.0)).exposition().decode()
    assert NAMES == {family.name for family in text_string_to_metric_families(text)}
    assert f'hostd_build_info{{version="{__version__}"}} 1.0' in text


def test_reads_the_models_at_a_scrape(scheduler: Scheduler) -> None:
    """What the scheduler knows is not counted twice; failures are a counter, which dashboards take rates of."""
    metrics = Metrics(scheduler.view)
    assert 1.0 == samples(metrics)["hostd_model_state[('model', 'alpha'), ('state', 'cold')]"]
    model = scheduler.models["alpha"]
    model.state, model.restarts.total = State.FAILED, 3
    after = samples(metrics)
    assert 0.0 == after["hostd_model_state[('model', 'alpha'), ('state', 'cold')]"]
    assert 3.0 == after["hostd_engine_failures_total[('model', 'alpha')]"]


def test_counts_decisions(scheduler: Scheduler) -> None:
    """Fallbacks, evictions, loads and load times are counted; other decisions are not."""
    metrics = Metrics(scheduler.view)
    for kind in (FellBack, Evicted, LoadStarted, WakeStarted, ModelReady, Unloaded):
        metrics.decided(example(kind), 0.0)
    seen = samples(metrics)
    assert 1.0 == seen["hostd_fallbacks_total[('from', 'm'), ('reason', 'stall'), ('to', 'n')]"]
    assert 1.0 == seen["hostd_evictions_total[('for', 'small'), ('model', 'm')]"]
    assert 2.0 == seen["hostd_loads_total[('model', 'm'), ('reason', 'request')]"]
    assert 2.0 == seen["hostd_model_load_seconds_sum[('model', 'm')]"]


def test_counts_requests(scheduler: Scheduler) -> None:
    """Each by model, engine, route and the status that the client was sent, with its times and tokens."""
    metrics = Metrics(scheduler.view)
    for _ in range(2):
        metrics.finished(request(sent=200, waited=0.5, ttft=0.25, output_tokens=10))
    metrics.finished(request(outcome="broken", status=502, sent=200, waited=0.5, ttft=0.25, output_tokens=1))
    seen = samples(metrics)
    key = "[('backend', 'llamacpp'), ('code', '200'), ('model', 'alpha'), ('route', 'primary')]"
    assert 3.0 == seen[f"hostd_requests_total{key}"]
    assert (1.5, 0.75, 21.0) == tuple(
        seen[f"{name}[('model', 'alpha')]"]
        for name in ("hostd_queue_wait_seconds_sum", "hostd_ttft_seconds_sum", "hostd_output_tokens_total")
    )
    assert 1.0 == seen["hostd_streams_broken_total[('model', 'alpha')]"]


def test_sums_up_what_answers_cost(scheduler: Scheduler) -> None:
    """Of those that have a price and were counted, whole or broken."""
    metrics = Metrics(scheduler.view)
    metrics.finished(request(sent=200, cost=0.5, attempts=2))
    metrics.finished(request(sent=200, outcome="broken", cost=0.25))
    metrics.finished(request(sent=200))
    seen = samples(metrics)
    assert 0.75 == seen["hostd_cost_usd_total[('model', 'alpha')]"]
    assert (2.0, 300.0) == tuple(
        seen[f"hostd_{name}_total[('model', 'alpha')]"] for name in ("attempts", "prompt_tokens")
    )


def test_counts_second_tries(scheduler: Scheduler) -> None:
    """By the model whose call of a tool could not be read, whoever has answered in the end; they are attempts, too."""
    metrics = Metrics(scheduler.view)
    metrics.finished(request(attempts=3, asked_again=("beta",)))
    seen = samples(metrics)
    assert 1.0 == seen["hostd_asked_again_total[('model', 'beta')]"]
    assert 3.0 == seen["hostd_attempts_total[('model', 'alpha')]"]


def test_counts_what_providers_cost_and_may_cost(scheduler: Scheduler) -> None:
    """By provider and model since the start; by provider since midnight, beside its cap; and how often a breaker has opened."""
    spending = [ProviderSpending("zai", 1.5, 0.25, 5.0, None), ProviderSpending("xai", 0.5, 0.0, None, None)]
    metrics = Metrics(scheduler.view, lambda: spending)
    metrics.decided(example(Charged), 0.0)
    metrics.decided(example(BreakerOpened), 0.0)
    seen = samples(metrics)
    assert 0.0123456 == seen["hostd_cloud_cost_usd_total[('model', 'm'), ('provider', 'zai')]"]
    assert (1.5, 0.25, 5.0) == tuple(
        seen[f"hostd_provider_{name}_usd[('provider', 'zai')]"] for name in ("today", "reserved", "cap")
    )
    assert "hostd_provider_cap_usd[('provider', 'xai')]" not in seen
    assert 1.0 == seen["hostd_breaker_opened_total[('model', 'm'), ('reason', 'status_5xx')]"]
    assert 1.0 == seen["hostd_breaker_state[('model', 'alpha'), ('state', 'closed')]"]


def test_what_was_not_answered_has_no_times(scheduler: Scheduler) -> None:
    """A refusal counts by its status; a client that left before anything was sent is not counted as a request."""
    metrics = Metrics(scheduler.view)
    metrics.finished(request(outcome="refused", status=429, sent=429, ttft=0.0))
    metrics.finished(request(outcome="gone", status=499, sent=0))
    seen = samples(metrics)
    counted = {name: value for name, value in seen.items() if name.startswith(("hostd_requests_total", "hostd_ttft"))}
    key = "[('backend', 'llamacpp'), ('code', '429'), ('model', 'alpha'), ('route', 'primary')]"
    assert {f"hostd_requests_total{key}": 1.0} == counted


def test_times_answers(scheduler: Scheduler) -> None:
    """From arrival to end, and by token in streams that one model has answered; by the bounds of OpenTelemetry."""
    metrics = Metrics(scheduler.view)
    metrics.finished(request(sent=200, waited=0.5, ttft=1.0, total=2.5, output_tokens=51, attempts=1))
    metrics.finished(request(sent=200, waited=0.5, ttft=1.0, total=2.5, output_tokens=51, attempts=2))
    metrics.finished(request(sent=200, ttft=2.5, total=2.5, output_tokens=51, attempts=1, stream=False))
    seen = samples(metrics)
    whole = [seen[f"hostd_request_duration_seconds_bucket[('le', '{le}'), ('model', 'alpha')]"] for le in (1.28, 2.56)]
    assert [0.0, 3.0] == whole
    token = "hostd_time_per_output_token_seconds_{}[('model', 'alpha')]"
    assert (1.0, 0.02) == (seen[token.format("count")], seen[token.format("sum")])
