"""The page of ``/metrics``: what hostd counts, and after it what the engines that run count themselves."""

import asyncio
from collections.abc import Mapping

import structlog

from hostd.backends.http.errors import ExchangeError
from hostd.backends.in_turn import in_turn
from hostd.gateway.context import HealthServices
from hostd.supervisor.instance import Instance
from hostd.telemetry.engine_metrics import joined, label_of

log = structlog.get_logger()

_PATIENCE = 2.0
"""Seconds that all engines have together; Prometheus waits for a page for ten. llama-server answers between two batches."""
_LARGEST = 1 << 20
"""Bytes of one engine's page; vLLM's has some 100,000."""
_KEPT = 1.0
"""Seconds for which the engines are not asked again."""


class MetricsPage:
    """Writes the page of hostd's metrics and of the engines'; these are asked once a second at most."""

    def __init__(self, services: HealthServices) -> None:
        self._services = services
        self._asking: asyncio.Task[str] | None = None
        self._asked_at = float("-inf")

    async def text(self) -> bytes:
        """Return the page in Prometheus' text format."""
        loop = asyncio.get_running_loop()
        if self._asking is None or (self._asking.done() and loop.time() - self._asked_at > _KEPT):
            self._asking = loop.create_task(self._of_engines(), name="metrics of engines")
            self._asked_at = loop.time()
        # Whoever leaves must not take the page from the others.
        engines = await asyncio.shield(self._asking)
        return self._services.metrics.exposition() + engines.encode("utf-8", "replace")

    async def _of_engines(self) -> str:
        found = await asyncio.gather(*(self._of(instance) for instance in list(self._services.instances.values())))
        pages = {model: page for model, page in found if page is not None}
        text, left_out = await in_turn(sum(map(len, pages.values())), joined, pages)
        if lost := {model: count for model, count in left_out.items() if count}:
            log.debug("engine_metrics_left_out", samples=lost)
        return text + _about(pages, left_out)

    async def _of(self, instance: Instance) -> tuple[str, str | None]:
        """Return the engine's name and its page: None where it has none, empty where it does not show it."""
        try:
            return instance.name, await instance.metrics(_PATIENCE, _LARGEST)
        except ExchangeError as error:
            log.debug("engine_metrics_missing", model=instance.name, why=str(error))
        except Exception:
            # An engine's package may be anybody's.
            log.exception("bug", part="metrics of an engine", model=instance.name)
        return instance.name, ""


def _about(pages: Mapping[str, str], left_out: Mapping[str, int]) -> str:
    """Return what there is to say of the engines' *pages* themselves."""
    up, lost = "hostd_engine_metrics_up", "hostd_engine_metrics_left_out"
    return "".join(
        (
            f"# HELP {up} 1 where an engine has shown its own metrics, 0 where it did not answer in time\n# TYPE {up} gauge\n",
            *(f"{up}{{{label_of(model)}}} {float(bool(page))}\n" for model, page in pages.items()),
            f"# HELP {lost} Samples of an engine that are not shown: too many, or not to be read\n# TYPE {lost} gauge\n",
            *(f"{lost}{{{label_of(model)}}} {float(count)}\n" for model, count in left_out.items()),
        )
    )
