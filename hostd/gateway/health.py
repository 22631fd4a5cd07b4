"""For those who watch over the watcher: alive, ready, and the counters."""

from aiohttp import web

from hostd import __version__
from hostd.domain.lifecycle import State
from hostd.gateway.context import Route, Visit


async def alive(_visit: Visit) -> web.Response:
    """GET /healthz: the daemon answers."""
    return web.json_response({"status": "ok", "version": __version__})


async def ready(visit: Visit) -> web.Response:
    """GET /readyz: 200 once every model to preload is ready, has failed or has no room; tells which, and how far loads are."""
    house = visit.house
    desk = house.dispatcher.desk
    wanted = [lane for lane in desk.lanes.values() if lane.profile.warm.preload]
    # One that has failed and is being tried again has failed all the same.
    failed = [lane.profile.name for lane in wanted if lane.restarts.streak and lane.state is not State.READY]
    body = {
        "status": ("degraded" if failed else "ready") if desk.settled else "loading",
        "preload": {lane.profile.name: lane.standing for lane in wanted},
        "failed": failed,
        "left_out": desk.keeping.left_out,
        "progress": {
            lane.profile.name: round(progress, 3)
            for lane in wanted
            if (progress := house.instances[lane.profile.name].progress_of_load) is not None
        },
    }
    return web.json_response(
        body, status=200 if desk.settled else 503, headers={} if desk.settled else {"Retry-After": "1"}
    )


async def metrics(visit: Visit) -> web.Response:
    """GET /metrics, for Prometheus."""
    text = visit.house.metrics.exposition()
    return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


async def greet(_visit: Visit) -> web.Response:
    """GET /: says what answers here, so that a probe of the bare address finds a friend."""
    return web.Response(text="hostd is running\n")


ROUTES: list[Route] = [
    ("GET", "/healthz", alive),
    ("GET", "/readyz", ready),
    ("GET", "/metrics", metrics),
    ("GET", "/", greet),
]
