"""The owner's own routes, under /hostd/v1: what runs, what is declared, what the machine has, load, unload, logs."""

import asyncio
import contextlib
import os

from aiohttp import web

from hostd import __version__
from hostd.domain.errors import LoadFailed, RequestError
from hostd.domain.lifecycle import State
from hostd.gateway import views
from hostd.gateway.context import House, Route, Visit
from hostd.hardware.inventory import inventory
from hostd.scheduling.events import LoadAsked, UnloadAsked
from hostd.scheduling.model_state import Lane

_LAST = 50


def _lane(visit: Visit) -> tuple[House, Lane]:
    house = visit.house
    return house, house.dispatcher.desk.lanes[house.directory.resolve(visit.name)]


async def show_status(visit: Visit) -> web.Response:
    """GET /hostd/v1/status."""
    house = visit.house
    lanes = house.dispatcher.desk.lanes.values()
    await house.keeper.measure()
    return web.json_response(
        {
            "version": __version__,
            "pid": os.getpid(),
            "ready": house.dispatcher.desk.settled,
            "listen": house.addresses,
            "instances": [views.row(house, lane) for lane in lanes],
        }
    )


async def show_inventory(visit: Visit) -> web.Response:
    """GET /hostd/v1/inventory: the machine's memory, measured now."""
    house = visit.house
    machine = await asyncio.to_thread(house.sensors.read, house.settings.reserve)
    return web.json_response(inventory(machine))


async def show_plan(visit: Visit) -> web.Response:
    """GET /hostd/v1/plan: what is promised of each pool, what should be warm, and why the rest of that is left out."""
    return web.json_response(views.plan(visit.house))


async def list_models(visit: Visit) -> web.Response:
    """GET /hostd/v1/models."""
    house = visit.house
    lanes = list(house.dispatcher.desk.lanes.values())
    # Whether a variant can be served is seen on the disk, which may be slow.
    models = await asyncio.to_thread(lambda: [views.model(house, lane) for lane in lanes])
    return web.json_response({"models": models})


async def show_model(visit: Visit) -> web.Response:
    """GET /hostd/v1/models/NAME."""
    house, lane = _lane(visit)
    await house.keeper.measure()
    return web.json_response(await asyncio.to_thread(views.detail, house, lane))


async def load(visit: Visit) -> web.Response:
    """POST /hostd/v1/models/NAME/load: answers when the model is ready, or at once with ``?wait=0``."""
    house, lane = _lane(visit)
    name = lane.profile.name
    if visit.request.query.get("wait") == "0":
        house.dispatcher.post(LoadAsked(name, "asked"))
        return web.json_response({"model": name, "state": lane.standing, "seconds": None}, status=202)
    state = await house.dispatcher.load(name)
    if state is not State.READY:
        why = lane.last_error or "it was unloaded meanwhile"
        raise LoadFailed(f"'{name}' could not be loaded: {why}")
    return web.json_response({"model": name, "state": state, "seconds": round(lane.load_seconds or 0.0, 3)})


async def unload(visit: Visit) -> web.Response:
    """POST /hostd/v1/models/NAME/unload: answers when nothing of the engine is left, or at once with ``?wait=0``."""
    house, lane = _lane(visit)
    if visit.request.query.get("wait") == "0":
        house.dispatcher.post(UnloadAsked(lane.profile.name))
        return web.json_response({"model": lane.profile.name, "state": lane.standing}, status=202)
    state = await house.dispatcher.unload(lane.profile.name)
    return web.json_response({"model": lane.profile.name, "state": state})


async def logs(visit: Visit) -> web.StreamResponse:
    """GET /hostd/v1/models/NAME/logs: the last ``lines`` lines of its engine, and what follows with ``follow=1``."""
    house, lane = _lane(visit)
    ring = house.instances[lane.profile.name].ring
    wanted = visit.request.query.get("lines", "100")
    last = int(wanted) if wanted.isdigit() else ring.capacity_lines
    if visit.request.query.get("follow") != "1":
        return web.Response(text="".join(line + "\n" for line in ring.lines(last)))
    response = web.StreamResponse(headers=visit.trail.headers() | {"Content-Type": "text/plain; charset=utf-8"})
    await response.prepare(visit.request)
    with contextlib.suppress(ConnectionError):
        async for line in ring.follow(last):
            await response.write(line.encode() + b"\n")
    return response


async def why(visit: Visit) -> web.Response:
    """GET /hostd/v1/why?model=NAME|request=ID&last=N: the last decisions, newest last; without a name, about all."""
    house, asked = visit.house, visit.request.query
    last = asked.get("last", str(_LAST))
    if not (last.isascii() and last.isdigit() and len(last) < 10):
        raise RequestError(
            f"last={last}: write how many decisions to tell, such as 20", code="bad_request", param="last"
        )
    model = house.directory.resolve(asked["model"]) if "model" in asked else None
    return web.json_response(
        {"decisions": house.chronicle.decisions(int(last), model=model, request=asked.get("request"))}
    )


ROUTES: list[Route] = [
    ("GET", "/hostd/v1/status", show_status),
    ("GET", "/hostd/v1/inventory", show_inventory),
    ("GET", "/hostd/v1/plan", show_plan),
    ("GET", "/hostd/v1/models", list_models),
    ("POST", "/hostd/v1/models/{name}/load", load),
    ("POST", "/hostd/v1/models/{name}/unload", unload),
    ("GET", "/hostd/v1/models/{name}/logs", logs),
    ("GET", "/hostd/v1/models/{name}", show_model),
    ("GET", "/hostd/v1/why", why),
]
