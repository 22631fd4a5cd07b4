"""What probes and Prometheus ask for: alive, ready, and the counters."""

import asyncio

from aiohttp import web

from hostd import __version__
from hostd.domain.lifecycle import State
from hostd.gateway.context import HealthServices, RequestContext, Route
from hostd.gateway.metrics_page import MetricsPage
from hostd.telemetry.metrics import DASHBOARD


class HealthHandlers:
    """The routes that tell how the daemon itself is."""

    def __init__(self, services: HealthServices) -> None:
        self._services = services
        self._page = MetricsPage(services)

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            ("GET", "/healthz", self.alive),
            ("GET", "/readyz", self.ready),
            ("GET", "/metrics", self.metrics),
            ("GET", "/hostd/v1/grafana", self.dashboard),
        ]

    async def alive(self, _ctx: RequestContext) -> web.Response:
        """Answer as long as the daemon can."""
        return web.json_response({"status": "ok", "version": __version__})

    async def ready(self, _ctx: RequestContext) -> web.Response:
        """Answer 200 once every model to preload is ready, has failed or has no memory; show which, what is under way or amiss."""
        view = self._services.dispatcher.view()
        preloaded = [model for model in view.models.values() if model.profile.warm.preload]
        # One that has failed and is being started again has failed all the same.
        failed = [model.name for model in preloaded if model.failing and model.state is not State.READY]
        troubles = list(self._services.cards.troubles)
        body = {
            "status": ("degraded" if failed or troubles else "ready") if view.settled else "loading",
            "preload": {model.name: model.reported_state for model in preloaded},
            "under_way": self._services.boot.under_way,
            "failed": failed,
            "troubles": troubles,
            "left_out": dict(view.left_out),
            "progress": {
                model.name: round(progress, 3)
                for model in preloaded
                if (progress := self._services.instances[model.name].progress_of_load) is not None
            },
        }
        if view.settled:
            return web.json_response(body)
        return web.json_response(body, status=503, headers={"Retry-After": "1"})

    async def metrics(self, _ctx: RequestContext) -> web.Response:
        """Show the counters in Prometheus' text format, and those of the engines that run."""
        text = await self._page.text()
        return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def dashboard(self, _ctx: RequestContext) -> web.Response:
        """Show a dashboard for Grafana to import: what `/metrics` counts, over time."""
        return web.Response(body=await asyncio.to_thread(DASHBOARD.read_bytes), content_type="application/json")
