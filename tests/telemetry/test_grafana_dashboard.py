"""The dashboard for Grafana asks for metrics that exist, with labels that they have."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hostd.planning.warm_set.load_option import LoadOption
from hostd.scheduling.decisions import Charged, FellBack
from hostd.scheduling.model_decisions import BreakerOpened, Evicted, LoadStarted, ModelReady
from hostd.scheduling.scheduler import Scheduler
from hostd.scheduling.view import ProviderSpending
from hostd.telemetry.metrics import DASHBOARD, Metrics
from tests.stage import make_profile
from tests.telemetry.example_decisions import example
from tests.telemetry.example_records import request

OF_ENGINES = {
    *("llamacpp:prompt_tokens_total", "llamacpp:tokens_predicted_total"),
    *("llamacpp:requests_processing", "llamacpp:requests_deferred"),
    *("vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc"),
    *("vllm:prefix_cache_hits_total", "vllm:prefix_cache_queries_total"),
}
"""What llama-server's and vLLM's documentation name."""
_FUNCTIONS = {"sum", "rate", "increase", "histogram_quantile", "by", "bool", "label_values", "le", "or", "vector"}
_NAME = re.compile(r"(?<![\w:$])([a-z_][a-z0-9_]*(?::[a-z0-9_]+)?)(?:\{([^}]*)\})?")
_STRING = re.compile(r'"[^"]*"')


def document() -> dict[str, Any]:
    """Return the dashboard."""
    found = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def questions() -> Iterator[tuple[str, str]]:
    """Yield the title of each panel or variable and what it asks of Prometheus."""
    for panel in document()["panels"]:
        yield from ((panel["title"], target["expr"]) for target in panel.get("targets", ()))
    for variable in document()["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]["query"]


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    """The labels of each metric that hostd shows once something of each kind has happened."""
    scheduler = Scheduler({"alpha": make_profile("alpha", "a")})
    scheduler.engines.ledger.capacity["cuda:0"] = 100
    scheduler.engines.ledger.adopt("alpha", LoadOption(0, "a", needs={"cuda:0": 60}))
    spending = [ProviderSpending("zai", 1.5, 0.25, 5.0, None)]
    metrics = Metrics(scheduler.view, lambda: spending, lambda: scheduler.memory(0.0))
    for kind in (FellBack, Evicted, LoadStarted, ModelReady, Charged, BreakerOpened):
        metrics.decided(example(kind), 0.0)
    metrics.finished(request(sent=200, attempts=1))
    metrics.finished(request(sent=200, outcome="broken"))
    families = text_string_to_metric_families(metrics.exposition().decode())
    labels: dict[str, set[str]] = {"hostd_engine_metrics_up": {"model"}}
    for family in families:
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    return labels | {name: {"model"} for name in OF_ENGINES}


def test_asks_for_what_exists(known: dict[str, set[str]]) -> None:
    """Each name is one of a metric, and each label one that the metric has."""
    asked = set()
    for title, question in questions():
        rest = re.sub(r"\{\{.*?\}\}|\[[^\]]*\]|by \(([^)]*)\)", " ", question)
        for name, matchers in _NAME.findall(rest):
            if name in _FUNCTIONS or name.isdigit() or ("label_values" in question and name in {"model", "device"}):
                continue
            assert name in known, f"{title}: {name}"
            asked.add(name)
            for label in re.findall(r"(\w+)(?:=~|!~|!=|=)", _STRING.sub('""', matchers)):
                assert label in known[name], f"{title}: {name} has no label {label}"
        for labels in re.findall(r"by \(([^)]*)\)", question):
            for label in labels.split(", "):
                assert any(label in known[name] for name in asked), f"{title}: {label}"
    assert OF_ENGINES <= asked


def test_legends_name_labels(known: dict[str, set[str]]) -> None:
    """What a legend shows is a label of what it asks for."""
    for panel in document()["panels"]:
        for target in panel.get("targets", ()):
            kept = re.findall(r"by \(([^)]*)\)", target["expr"])
            names = [name for name, _ in _NAME.findall(target["expr"]) if name in known]
            labels = set(kept[0].split(", ")) if kept else known[names[0]]
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= labels, panel["title"]


def test_panels_are_told_apart() -> None:
    """Each has an id and a place of its own, and says what it shows."""
    panels = document()["panels"]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(panels) == len({panel["id"] for panel in panels}) == len(set(places))
    assert all(panel["type"] == "row" or panel["description"] for panel in panels)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)
