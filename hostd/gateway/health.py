"""For those who watch over the watcher: alive, ready, and the counters."""

from aiohttp import web

from hostd import __version__
from hostd.domain.lifecycle import State
from hostd.gateway.context import RequestContext, Route


async def alive(_visit: RequestContext) -> web.Response:
    """GET /healthz: the daemon answers."""
    return web.json_response({"status": "ok", "version": __version__})


async def ready(ctx: RequestContext) -> web.Response:
    """GET /readyz: 200 once every model to preload is ready, has failed or has no room; tells which, and how far loads are."""
    app = ctx.app
    scheduler = app.dispatcher.scheduler
    wanted = [model for model in scheduler.models.values() if model.profile.warm.preload]
    # One that has failed and is being tried again has failed all the same.
    failed = [model.profile.name for model in wanted if model.restarts.streak and model.state is not State.READY]
    body = {
        "status": ("degraded" if failed else "ready") if scheduler.settled else "loading",
        "preload": {model.profile.name: model.reported_state for model in wanted},
        "failed": failed,
        "left_out": scheduler.warm_policy.left_out,
        "progress": {
            model.profile.name: round(progress, 3)
            for model in wanted
            if (progress := app.instances[model.profile.name].progress_of_load) is not None
        },
    }
    return web.json_response(
        body, status=200 if scheduler.settled else 503, headers={} if scheduler.settled else {"Retry-After": "1"}
    )


async def metrics(ctx: RequestContext) -> web.Response:
    """GET /metrics, for Prometheus."""
    text = ctx.app.metrics.exposition()
    return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


async def greet(_visit: RequestContext) -> web.Response:
    """GET /: says what answers here, so that a probe of the bare address finds a friend."""
    return web.Response(text="hostd is running\n")


ROUTES: list[Route] = [
    ("GET", "/healthz", alive),
    ("GET", "/readyz", ready),
    ("GET", "/metrics", metrics),
    ("GET", "/", greet),
]
