"""Counters for Prometheus, fed by decisions and by requests that are over. Never labelled by client, key or prompt."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
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
_LEAST_ANSWER = 16
"""Tokens below which an answer says little about speed."""


class _RequestMetrics:
    """What each request adds: plain numbers while serving, made into families only at a scrape.

    There are several for each request, and a metric object's lock and checks cost more than the sum that they guard.
    """

    def __init__(self) -> None:
        self.requests: dict[tuple[str, str, str, int], int] = defaultdict(int)
        self.waits: dict[str, HistogramCounts] = defaultdict(HistogramCounts)
        self.ttfts: dict[str, HistogramCounts] = defaultdict(HistogramCounts)
        self.totals: dict[str, HistogramCounts] = defaultdict(HistogramCounts)
        self.per_token: dict[str, HistogramCounts] = defaultdict(lambda: HistogramCounts(SECONDS_PER_TOKEN))
        self.tokens: dict[str, int] = defaultdict(int)
        self.prompts: dict[str, int] = defaultdict(int)
        self.attempts: dict[str, int] = defaultdict(int)
        self.asked_again: dict[str, int] = defaultdict(int)
        self.costs: dict[str, float] = defaultdict(float)

    def collect(self) -> Iterable[Metric]:
        requests = CounterMetricFamily(
            "hostd_requests", "Requests answered", labels=["model", "backend", "route", "code"]
        )
        for (model, backend, route, code), count in self.requests.items():
            requests.add_metric([model, backend, route, str(code)], count)
        tokens = CounterMetricFamily("hostd_output_tokens", "Tokens generated", labels=["model"])
        prompts = CounterMetricFamily("hostd_prompt_tokens", "Tokens of prompts", labels=["model"])
        attempts = CounterMetricFamily(
            "hostd_attempts", "Times that an engine was asked, by the model that answered or was last", labels=["model"]
        )
        again = CounterMetricFamily(
            "hostd_asked_again", "Second tries of a model whose call of a tool could not be read", labels=["model"]
        )
        sums = [(tokens, self.tokens), (prompts, self.prompts), (attempts, self.attempts), (again, self.asked_again)]
        for counter, counts in sums:
            for model, count in counts.items():
                counter.add_metric([model], count)
        costs = CounterMetricFamily("hostd_cost_usd", "Cost of answers by the price in their profile", labels=["model"])
        for model, sum_usd in self.costs.items():
            costs.add_metric([model], sum_usd)
        histograms = [self._histogram(*each) for each in self._histograms()]
        return [requests, *histograms, tokens, prompts, attempts, again, costs]

    def _histograms(self) -> Iterable[tuple[str, str, dict[str, HistogramCounts]]]:
        yield "hostd_queue_wait_seconds", "Time in queues", self.waits
        yield "hostd_ttft_seconds", "Time to the first content byte", self.ttfts
        yield "hostd_request_duration_seconds", "Time from a request's arrival to the end of its answer", self.totals
        yield "hostd_time_per_output_token_seconds", "Time for each token after the first", self.per_token

    @staticmethod
    def _histogram(name: str, text: str, tallies: dict[str, HistogramCounts]) -> HistogramMetricFamily:
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
        self._requests = _RequestMetrics()
        registry.register(self._requests)
        build = Gauge("hostd_build_info", "The running version", ["version"], registry=registry)
        build.labels(__version__).set(1)
        self._fallbacks = Counter("hostd_fallbacks", "Moves to a fallback", ["from", "to", "reason"], registry=registry)
        self._breakers = Counter(
            "hostd_breaker_opened", "Times that a circuit breaker has opened", ["model", "reason"], registry=registry
        )
        self._charges = Counter(
            "hostd_cloud_cost_usd", "Cost of requests to cloud providers", ["provider", "model"], registry=registry
        )
        self._loads = Counter("hostd_loads", "Engine starts", ["model", "reason"], registry=registry)
        self._evictions = Counter("hostd_evictions", "Models evicted for another", ["model", "for"], registry=registry)
        self._load = Histogram("hostd_model_load_seconds", "Load times", ["model"], registry=registry, buckets=SECONDS)
        self._broken = Counter("hostd_streams_broken", "Streams ended by an error", ["model"], registry=registry)

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format."""
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
        """Count a request that is over; its times only where it was answered, be it in part."""
        # A client that left before anything was sent has no status to count by.
        if record.sent:
            self._requests.requests[record.model, record.backend, record.route, record.sent] += 1
        self._requests.attempts[record.model] += record.attempts
        for model in record.asked_again:
            self._requests.asked_again[model] += 1
        if record.outcome == "broken":
            self._broken.labels(record.model).inc()
        if record.outcome in {"answered", "broken"}:
            self._requests.waits[record.model].add(record.waited)
            self._requests.ttfts[record.model].add(record.ttft)
            self._requests.totals[record.model].add(record.total)
            writing = record.total - record.waited - record.ttft
            # An answer in one piece has no first token that was seen, and the time of one that failed before is not this model's.
            if record.stream and record.attempts == 1 and record.output_tokens >= _LEAST_ANSWER and writing > 0:
                self._requests.per_token[record.model].add(writing / (record.output_tokens - 1))
            self._requests.tokens[record.model] += record.output_tokens
            self._requests.prompts[record.model] += record.prompt_tokens
        if record.cost is not None:
            self._requests.costs[record.model] += record.cost
