"""Counters for Prometheus, fed by decisions and by requests that are over. Never labelled by client, key or prompt."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from hostd import __version__
from hostd.domain.lifecycle import State
from hostd.scheduling.circuit_breaker import BreakerState
from hostd.scheduling.decisions import (
    BreakerOpened,
    Charged,
    Decision,
    Evicted,
    FellBack,
    LoadStarted,
    ModelReady,
    WakeStarted,
)
from hostd.scheduling.spending import ProviderSpending
from hostd.scheduling.view import SchedulerView
from hostd.telemetry.sinks import RequestRecord, Sink

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class _ModelMetrics:
    """Reads the scheduler's models at the moment of a scrape, so that no counter can drift from them."""

    def __init__(self, view: Callable[[], SchedulerView]) -> None:
        self._view = view

    def collect(self) -> Iterable[Metric]:
        depth = GaugeMetricFamily("hostd_queue_depth", "Requests that wait for a model", labels=["model"])
        inflight = GaugeMetricFamily("hostd_inflight", "Requests that a model is answering", labels=["model"])
        states = GaugeMetricFamily("hostd_model_state", "1 for the state that a model is in", labels=["model", "state"])
        breakers = GaugeMetricFamily(
            "hostd_breaker_state", "1 for the state that a model's circuit breaker is in", labels=["model", "state"]
        )
        failures = CounterMetricFamily("hostd_engine_failures", "Failures of a model's engine", labels=["model"])
        for model in self._view().models.values():
            depth.add_metric([model.name], model.queued)
            inflight.add_metric([model.name], model.in_flight)
            failures.add_metric([model.name], model.failures)
            for state in State:
                states.add_metric([model.name, state], float(model.reported_state is state))
            for breaker in BreakerState:
                breakers.add_metric([model.name, breaker], float(model.breaker is breaker))
        return [depth, inflight, states, breakers, failures]


class _SpendingMetrics:
    """Reads what providers have cost today at the moment of a scrape."""

    def __init__(self, spending: Callable[[], Iterable[ProviderSpending]]) -> None:
        self._spending = spending

    def collect(self) -> Iterable[Metric]:
        today = GaugeMetricFamily("hostd_provider_today_usd", "Cost since local midnight", labels=["provider"])
        reserved = GaugeMetricFamily(
            "hostd_provider_reserved_usd", "The most that requests in flight may cost yet", labels=["provider"]
        )
        caps = GaugeMetricFamily("hostd_provider_cap_usd", "What a provider may cost a day", labels=["provider"])
        for each in self._spending():
            today.add_metric([each.provider], each.today)
            reserved.add_metric([each.provider], each.reserved)
            if each.cap is not None:
                caps.add_metric([each.provider], each.cap)
        return [today, reserved, caps]


class _RequestMetrics:
    """What each request adds: plain numbers while serving, made into families only at a scrape.

    There are several for each request, and a metric object's lock and checks cost more than the sum that they guard.
    """

    def __init__(self) -> None:
        self.requests: dict[tuple[str, str, str, int], int] = defaultdict(int)
        self.waits: dict[str, HistogramCounts] = defaultdict(HistogramCounts)
        self.ttfts: dict[str, HistogramCounts] = defaultdict(HistogramCounts)
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
        waits = HistogramMetricFamily("hostd_queue_wait_seconds", "Time in queues", labels=["model"])
        ttfts = HistogramMetricFamily("hostd_ttft_seconds", "Time to the first content byte", labels=["model"])
        for family, tallies in ((waits, self.waits), (ttfts, self.ttfts)):
            for model, tally in tallies.items():
                family.add_metric([model], buckets=tally.buckets(), sum_value=tally.sum)
        return [requests, waits, ttfts, tokens, prompts, attempts, again, costs]


class HistogramCounts:
    """A histogram's numbers."""

    def __init__(self) -> None:
        self.sum = 0.0
        self._counts = [0] * (len(_SECONDS) + 1)

    def add(self, seconds: float) -> None:
        """Count one observation."""
        self.sum += seconds
        self._counts[bisect_left(_SECONDS, seconds)] += 1

    def buckets(self) -> list[tuple[str, float]]:
        """Return the cumulative counts by upper bound, as Prometheus wants them."""
        bounds = [*(str(float(bound)) for bound in _SECONDS), "+Inf"]
        return list(zip(bounds, accumulate(float(count) for count in self._counts), strict=True))


class Metrics(Sink):
    """Everything that ``/metrics`` shows; *view* shows the scheduler as it is now, and *spending* what providers have cost."""

    routes = False

    def __init__(
        self,
        view: Callable[[], SchedulerView],
        spending: Callable[[], Iterable[ProviderSpending]] = tuple,
    ) -> None:
        registry = self._registry = CollectorRegistry()
        registry.register(_ModelMetrics(view))
        registry.register(_SpendingMetrics(spending))
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
        self._load = Histogram("hostd_model_load_seconds", "Load times", ["model"], registry=registry, buckets=_SECONDS)
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
            self._requests.tokens[record.model] += record.output_tokens
            self._requests.prompts[record.model] += record.prompt_tokens
        if record.cost is not None:
            self._requests.costs[record.model] += record.cost
