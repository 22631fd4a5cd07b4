"""Counters for Prometheus, fed by what the desk decides and the gateway sees. Never labelled by client, key or prompt."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from hostd import __version__
from hostd.domain.lifecycle import State
from hostd.scheduling.effects import Effect, Explain
from hostd.scheduling.model_state import ModelState

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class _Lanes:
    """Reads the desk's lanes at the moment of a scrape, so that no counter can drift from them."""

    def __init__(self, models: Callable[[], Iterable[ModelState]]) -> None:
        self._models = models

    def collect(self) -> Iterable[GaugeMetricFamily]:
        depth = GaugeMetricFamily("hostd_queue_depth", "Requests that wait for a model", labels=["model"])
        inflight = GaugeMetricFamily("hostd_inflight", "Requests that a model is answering", labels=["model"])
        states = GaugeMetricFamily("hostd_model_state", "1 for the state that a model is in", labels=["model", "state"])
        restarts = GaugeMetricFamily("hostd_engine_failures", "Failures of a model's engine so far", labels=["model"])
        for model in self._models():
            name = model.profile.name
            depth.add_metric([name], len(model.queue))
            inflight.add_metric([name], len(model.serving))
            restarts.add_metric([name], model.restarts.total)
            for state in State:
                states.add_metric([name, state], float(model.reported_state is state))
        return [depth, inflight, states, restarts]


class _Answers:
    """What each answer adds: plain numbers while serving, made into families only when somebody scrapes.

    There are several for each request, and a metric object's lock and checks cost more than the sum that they guard.
    """

    def __init__(self) -> None:
        self.requests: dict[tuple[str, str, str, int], int] = defaultdict(int)
        self.waits: dict[str, HistogramCounts] = defaultdict(HistogramCounts)
        self.ttfts: dict[str, HistogramCounts] = defaultdict(HistogramCounts)
        self.tokens: dict[str, int] = defaultdict(int)

    def collect(self) -> Iterable[Metric]:
        requests = CounterMetricFamily(
            "hostd_requests", "Requests answered", labels=["model", "backend", "route", "code"]
        )
        for (model, backend, route, code), count in self.requests.items():
            requests.add_metric([model, backend, route, str(code)], count)
        tokens = CounterMetricFamily("hostd_output_tokens", "Tokens generated", labels=["model"])
        for model, count in self.tokens.items():
            tokens.add_metric([model], count)
        waits = HistogramMetricFamily("hostd_queue_wait_seconds", "Time in queues", labels=["model"])
        ttfts = HistogramMetricFamily("hostd_ttft_seconds", "Time to the first content byte", labels=["model"])
        for family, tallies in ((waits, self.waits), (ttfts, self.ttfts)):
            for model, tally in tallies.items():
                family.add_metric([model], buckets=tally.buckets(), sum_value=tally.sum)
        return [requests, waits, ttfts, tokens]


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


class Metrics:
    """Everything that `/metrics` shows."""

    def __init__(self, models: Callable[[], Iterable[ModelState]]) -> None:
        registry = self._registry = CollectorRegistry()
        registry.register(_Lanes(models))
        self._answers = _Answers()
        registry.register(self._answers)
        build = Gauge("hostd_build_info", "The running version", ["version"], registry=registry)
        build.labels(__version__).set(1)
        self._fallbacks = Counter("hostd_fallbacks", "Moves to a fallback", ["from", "to", "reason"], registry=registry)
        self._loads = Counter("hostd_loads", "Engine starts", ["model", "reason"], registry=registry)
        self._evictions = Counter(
            "hostd_evictions", "Models that went for another", ["model", "for"], registry=registry
        )
        self._load = Histogram("hostd_model_load_seconds", "Load times", ["model"], registry=registry, buckets=_SECONDS)
        self._broken = Counter("hostd_streams_broken", "Streams ended by an error", ["model"], registry=registry)

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def observe(self, effect: Effect) -> None:
        """Count what the desk has decided."""
        if not isinstance(effect, Explain):
            return
        match effect.decision:
            case "fallback":
                self._fallbacks.labels(effect.model, str(effect.numbers["to"]), str(effect.numbers["reason"])).inc()
            case "evict":
                self._evictions.labels(effect.model, str(effect.numbers["for"])).inc()
            case "load" | "wake":
                self._loads.labels(effect.model, str(effect.numbers["why"])).inc()
            case "ready":
                self._load.labels(effect.model).observe(float(str(effect.numbers["load_s"])))
            case _:
                pass

    def answered(self, model: str, backend: str, route: str, code: int) -> None:
        """Count one answer that was sent to a client."""
        self._answers.requests[model, backend, route, code] += 1

    def served(self, model: str, waited: float, ttft: float, tokens: int) -> None:
        """Record an answer's seconds in queues and to its first byte, and the tokens that it had."""
        self._answers.waits[model].add(waited)
        self._answers.ttfts[model].add(ttft)
        self._answers.tokens[model] += tokens

    def broken(self, model: str) -> None:
        """Count a stream that ended with an error event."""
        self._broken.labels(model).inc()
