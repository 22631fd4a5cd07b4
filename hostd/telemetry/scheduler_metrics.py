"""What the scheduler knows, read at the moment of a scrape: models, spending, and the account of the memory."""

from collections.abc import Callable, Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from hostd.domain.lifecycle import State
from hostd.scheduling.circuit_breaker import BreakerState
from hostd.scheduling.view import MemoryView, ProviderSpending, SchedulerView


class ModelMetrics:
    """Reads the scheduler's models at the moment of a scrape, so that no counter can drift from them."""

    def __init__(self, view: Callable[[], SchedulerView]) -> None:
        self._view = view

    def collect(self) -> Iterable[Metric]:
        """Return the families as they are now."""
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


class SpendingMetrics:
    """Reads what providers have cost today at the moment of a scrape."""

    def __init__(self, spending: Callable[[], Iterable[ProviderSpending]]) -> None:
        self._spending = spending

    def collect(self) -> Iterable[Metric]:
        """Return the families as they are now."""
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


class MemoryMetrics:
    """Reads the account of the memory at the moment of a scrape."""

    def __init__(self, memory: Callable[[], MemoryView]) -> None:
        self._memory = memory

    def collect(self) -> Iterable[Metric]:
        """Return the families as they are now."""
        pools = GaugeMetricFamily(
            "hostd_vram_bytes",
            "Memory of a device (ram: main memory): promised to models, held by others, returning, free, and what models "
            "may hold in all",
            labels=["device", "kind"],
        )
        models = GaugeMetricFamily(
            "hostd_model_memory_bytes", "Memory that a model is promised", labels=["model", "device"]
        )
        memory = self._memory()
        for pool in memory.pools:
            promised = sum(held.get(pool.id, 0) for held in memory.held.values())
            returning = memory.returning.get(pool.id, 0)
            kinds = {
                "promised": promised,
                "other": pool.others,
                "returning": returning,
                "free": pool.free,
                "capacity": pool.capacity,
            }
            for kind, count in kinds.items():
                pools.add_metric([pool.id, kind], count)
        for model, held in memory.held.items():
            for pool_id, count in held.items():
                models.add_metric([model, pool_id], count)
        return [pools, models]
