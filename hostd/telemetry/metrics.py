"""Counters for Prometheus, fed by decisions and by requests that are over. Never labelled by client, key or prompt."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

import prometheus_client as prometheus
from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from hostd import __version__
from hostd.scheduling.decisions import Charged, Decision, FellBack
from hostd.scheduling.model_decisions import BreakerOpened, Evicted, LoadStarted, ModelReady, WakeStarted
from hostd.scheduling.view import MemoryView, ProviderSpending, SchedulerView
from hostd.telemetry.histogram_counts import SECONDS, SECONDS_PER_TOKEN, HistogramCounts
from hostd.telemetry.scheduler_metrics import MemoryMetrics, ModelMetrics, SpendingMetrics
from hostd.telemetry.sinks import RequestRecord, Sink

DASHBOARD = Path(__file__).with_name("grafana_dashboard.json")
"""A dashboard of these metrics, for Grafana."""
_ANSWERED = frozenset({"answered", "broken"})
_MOST = 500
"""Requests that are counted together; the event loop waits for that."""
_LEAST_ANSWER = 16
"""Tokens below which an answer says little about speed."""


class _ModelCounts:
    """What the requests at one model come to: times and tokens of those *answered*; *cost* is None until one has a price."""

    def __init__(self) -> None:
        self.answered = self.attempts = self.tokens = self.prompts = 0
        self.cost: float | None = None
        self.waits, self.ttfts, self.totals = HistogramCounts(), HistogramCounts(), HistogramCounts()
        self.per_token = HistogramCounts(SECONDS_PER_TOKEN)

    def add(self, records: Sequence[RequestRecord]) -> None:
        """Count *records*; the times only of those that were answered, be it in part."""
        self.attempts += sum([each.attempts for each in records])
        costs = [each.cost for each in records if each.cost is not None]
        if costs:
            self.cost = (self.cost or 0.0) + sum(costs)
        answered = [each for each in records if each.outcome in _ANSWERED]
        self.answered += len(answered)
        self.tokens += sum([each.output_tokens for each in answered])
        self.prompts += sum([each.prompt_tokens for each in answered])
        self.waits.add([each.waited for each in answered])
        self.ttfts.add([each.ttft for each in answered])
        self.totals.add([each.total for each in answered])
        # An answer in one piece has no first token that was seen, and the time of one that failed before is not this model's.
        streams = [
            each for each in answered if each.stream and each.attempts == 1 and each.output_tokens >= _LEAST_ANSWER
        ]
        writing = [(each.total - each.waited - each.ttft) / (each.output_tokens - 1) for each in streams]
        self.per_token.add([seconds for seconds in writing if seconds > 0])


class _RequestMetrics:
    """What requests add: plain numbers while serving, made into families only at a scrape.

    There are several for each request, and a metric object's lock and checks cost more than the sum that they guard.
    """

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, str, int]] = Counter()
        self._models: dict[str, _ModelCounts] = defaultdict(_ModelCounts)
        self._asked_again: Counter[str] = Counter()

    def add(self, records: Iterable[RequestRecord]) -> None:
        """Count *records*."""
        by_model: dict[str, list[RequestRecord]] = defaultdict(list)
        for record in records:
            by_model[record.model].append(record)
        for model, those in by_model.items():
            # A client that left before anything was sent has no status to count by.
            self._requests.update([(model, each.backend, each.route, each.sent) for each in those if each.sent])
            self._models[model].add(those)
            self._asked_again.update(chain.from_iterable([each.asked_again for each in those]))

    def collect(self) -> Iterable[Metric]:
        requests = CounterMetricFamily(
            "hostd_requests", "Requests answered", labels=["model", "backend", "route", "code"]
        )
        for (model, backend, route, code), count in self._requests.items():
            requests.add_metric([model, backend, route, str(code)], count)
        yield requests
        answered = {model: counts for model, counts in self._models.items() if counts.answered}
        yield _histogram("hostd_queue_wait_seconds", "Time in queues", {m: c.waits for m, c in answered.items()})
        yield _histogram(
            "hostd_ttft_seconds", "Time to the first content byte", {m: c.ttfts for m, c in answered.items()}
        )
        yield _histogram(
            "hostd_request_duration_seconds",
            "Time from a request's arrival to the end of its answer",
            {m: c.totals for m, c in answered.items()},
        )
        yield _histogram(
            "hostd_time_per_output_token_seconds",
            "Time for each token after the first",
            {m: c.per_token for m, c in answered.items() if c.per_token},
        )
        yield _counter("hostd_output_tokens", "Tokens generated", {m: c.tokens for m, c in answered.items()})
        yield _counter("hostd_prompt_tokens", "Tokens of prompts", {m: c.prompts for m, c in answered.items()})
        yield _counter(
            "hostd_attempts",
            "Times that an engine was asked, by the model that answered or was last",
            {m: c.attempts for m, c in self._models.items()},
        )
        yield _counter(
            "hostd_asked_again", "Second tries of a model whose call of a tool could not be read", self._asked_again
        )
        costs = {model: counts.cost for model, counts in self._models.items() if counts.cost is not None}
        yield _counter("hostd_cost_usd", "Cost of answers by the price in their profile", costs)


def _counter(name: str, text: str, sums: Mapping[str, float]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=["model"])
    for model, found in sums.items():
        family.add_metric([model], found)
    return family


def _histogram(name: str, text: str, tallies: Mapping[str, HistogramCounts]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, text, labels=["model"])
    for model, tally in tallies.items():
        family.add_metric([model], buckets=tally.buckets(), sum_value=tally.sum)
    return family


class Metrics(Sink):
    """What hostd itself counts: *view* shows the scheduler as it is, *spending* what providers have cost, *memory* its account."""

    routes = False

    def __init__(
        self,
        view: Callable[[], SchedulerView],
        spending: Callable[[], Iterable[ProviderSpending]] = tuple,
        memory: Callable[[], MemoryView] | None = None,
    ) -> None:
        registry = self._registry = CollectorRegistry()
        registry.register(ModelMetrics(view))
        registry.register(SpendingMetrics(spending))
        if memory is not None:
            registry.register(MemoryMetrics(memory))
        self._gathered: list[RequestRecord] = []
        self._requests = _RequestMetrics()
        registry.register(self._requests)
        build = Gauge("hostd_build_info", "The running version", ["version"], registry=registry)
        build.labels(__version__).set(1)
        self._fallbacks = prometheus.Counter(
            "hostd_fallbacks", "Moves to a fallback", ["from", "to", "reason"], registry=registry
        )
        self._breakers = prometheus.Counter(
            "hostd_breaker_opened", "Times that a circuit breaker has opened", ["model", "reason"], registry=registry
        )
        self._charges = prometheus.Counter(
            "hostd_cloud_cost_usd", "Cost of requests to cloud providers", ["provider", "model"], registry=registry
        )
        self._loads = prometheus.Counter("hostd_loads", "Engine starts", ["model", "reason"], registry=registry)
        self._evictions = prometheus.Counter(
            "hostd_evictions", "Models evicted for another", ["model", "for"], registry=registry
        )
        self._load = Histogram("hostd_model_load_seconds", "Load times", ["model"], registry=registry, buckets=SECONDS)
        self._broken = prometheus.Counter(
            "hostd_streams_broken", "Streams ended by an error", ["model"], registry=registry
        )

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format."""
        self._count()
        return generate_latest(self._registry)

    def decided(self, decision: Decision, at: float) -> None:  # noqa: ARG002 - counters have no time of their own
        """Count what the scheduler has decided."""
        match decision:
            case FellBack(model=model, to=to, reason=reason):
                self._fallbacks.labels(model, to, reason).inc()
            case BreakerOpened(model=model, reason=reason):
                self._breakers.labels(model, reason).inc()
            case Charged(model=model, provider=str(provider), usd=usd):
                self._charges.labels(provider, model).inc(usd)
            case Evicted(model=model, for_model=other):
                self._evictions.labels(model, other).inc()
            case LoadStarted(model=model, why=why) | WakeStarted(model=model, why=why):
                self._loads.labels(model, why).inc()
            case ModelReady(model=model, load_s=seconds):
                self._load.labels(model).observe(seconds)
            case _:
                pass

    def finished(self, record: RequestRecord) -> None:
        """Count a request that is over: with others, since the steps for each are a tenth then."""
        self._gathered.append(record)
        if len(self._gathered) >= _MOST:
            self._count()

    def _count(self) -> None:
        gathered, self._gathered = self._gathered, []
        self._requests.add(gathered)
        for each in gathered:
            if each.outcome == "broken":
                self._broken.labels(each.model).inc()
