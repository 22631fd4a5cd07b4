"""Counters for Prometheus, fed by what the desk decides and the gateway sees. Never labelled by client, key or prompt."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

from hostd import __version__
from hostd.domain.lifecycle import State
from hostd.scheduling.effects import Effect, Explain
from hostd.scheduling.lane import Lane

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class _Lanes:
    """Reads the desk's lanes at the moment of a scrape, so that no counter can drift from them."""

    def __init__(self, lanes: Callable[[], Iterable[Lane]]) -> None:
        self._lanes = lanes

    def collect(self) -> Iterable[GaugeMetricFamily]:
        depth = GaugeMetricFamily("hostd_queue_depth", "Requests that wait for a model", labels=["model"])
        inflight = GaugeMetricFamily("hostd_inflight", "Requests that a model is answering", labels=["model"])
        states = GaugeMetricFamily("hostd_model_state", "1 for the state that a model is in", labels=["model", "state"])
        restarts = GaugeMetricFamily("hostd_engine_failures", "Failures of a model's engine so far", labels=["model"])
        for lane in self._lanes():
            name = lane.profile.name
            depth.add_metric([name], len(lane.queue))
            inflight.add_metric([name], len(lane.serving))
            restarts.add_metric([name], lane.restarts.total)
            for state in State:
                states.add_metric([name, state], float(lane.state is state))
        return [depth, inflight, states, restarts]


class Metrics:
    """Everything that `/metrics` shows."""

    def __init__(self, lanes: Callable[[], Iterable[Lane]]) -> None:
        registry = self._registry = CollectorRegistry()
        registry.register(_Lanes(lanes))
        build = Gauge("hostd_build_info", "The running version", ["version"], registry=registry)
        build.labels(__version__).set(1)
        self._requests = Counter(
            "hostd_requests", "Requests answered", ["model", "backend", "route", "code"], registry=registry
        )
        self._fallbacks = Counter("hostd_fallbacks", "Moves to a fallback", ["from", "to", "reason"], registry=registry)
        self._loads = Counter("hostd_loads", "Engine starts", ["model", "reason"], registry=registry)
        self._load = Histogram("hostd_model_load_seconds", "Load times", ["model"], registry=registry, buckets=_SECONDS)
        self._broken = Counter("hostd_streams_broken", "Streams ended by an error", ["model"], registry=registry)
        self._wait = Histogram(
            "hostd_queue_wait_seconds", "Time in queues", ["model"], registry=registry, buckets=_SECONDS
        )
        self._ttft = Histogram(
            "hostd_ttft_seconds", "Time to the first content byte", ["model"], registry=registry, buckets=_SECONDS
        )
        self._tokens = Counter("hostd_output_tokens", "Tokens generated", ["model"], registry=registry)
        self._bound: dict[tuple[str, str, str, str], Counter] = {}
        self._timed: dict[str, tuple[Histogram, Histogram, Counter]] = {}

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
            case "load":
                self._loads.labels(effect.model, str(effect.numbers["why"])).inc()
            case "ready":
                self._load.labels(effect.model).observe(float(str(effect.numbers["load_s"])))
            case _:
                pass

    def answered(self, model: str, backend: str, route: str, code: int) -> None:
        """Count one answer that was sent to a client."""
        key = (model, backend, route, str(code))
        counter = self._bound.get(key)
        if counter is None:
            counter = self._bound[key] = self._requests.labels(*key)
        counter.inc()

    def served(self, model: str, waited: float, ttft: float, tokens: int) -> None:
        """Record an answer's seconds in queues and to its first byte, and the tokens that it had."""
        timed = self._timed.get(model)
        if timed is None:
            timed = (self._wait.labels(model), self._ttft.labels(model), self._tokens.labels(model))
            self._timed[model] = timed
        timed[0].observe(waited)
        timed[1].observe(ttft)
        timed[2].inc(tokens)

    def broken(self, model: str) -> None:
        """Count a stream that ended with an error event."""
        self._broken.labels(model).inc()
