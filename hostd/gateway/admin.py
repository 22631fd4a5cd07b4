"""The owner's own routes, under /hostd/v1: what runs, what is declared, what the machine has, load, unload, logs."""

import asyncio
import contextlib
import os

from aiohttp import web

from hostd import __version__
from hostd.domain.errors import LoadFailed, RequestError
from hostd.domain.lifecycle import State
from hostd.gateway import views
from hostd.gateway.context import AppContext, RequestContext, Route
from hostd.hardware.inventory import inventory
from hostd.scheduling.events import LoadRequested, UnloadRequested
from hostd.scheduling.model_state import ModelState
from hostd.sizing.memory_state import planning_inputs

_LAST = 50


def _model(ctx: RequestContext) -> tuple[AppContext, ModelState]:
    app = ctx.app
    return app, app.dispatcher.scheduler.models[app.router.resolve(ctx.name)]


async def show_status(ctx: RequestContext) -> web.Response:
    """GET /hostd/v1/status."""
    app = ctx.app
    models = app.dispatcher.scheduler.models.values()
    await app.memory.measure()
    return web.json_response(
        {
            "version": __version__,
            "pid": os.getpid(),
            "ready": app.dispatcher.scheduler.settled,
            "listen": app.addresses,
            "instances": [views.row(app, model) for model in models],
        }
    )


async def show_inventory(ctx: RequestContext) -> web.Response:
    """GET /hostd/v1/inventory: the machine's memory, measured now."""
    app = ctx.app
    machine = await asyncio.to_thread(app.sensors.read, app.settings.reserve)
    return web.json_response(inventory(machine))


async def show_plan(ctx: RequestContext) -> web.Response:
    """GET /hostd/v1/plan: what is promised of each pool, what should be warm, and what `hostd plan` decides with."""
    app = ctx.app
    if (host := app.memory.host) is None:
        host = await asyncio.to_thread(app.sensors.read, app.settings.reserve)
    inputs = planning_inputs(app.dispatcher.memory(), host, app.settings.profiles)
    return web.json_response(views.plan(app) | inputs)


async def list_models(ctx: RequestContext) -> web.Response:
    """GET /hostd/v1/models."""
    app = ctx.app
    lanes = list(app.dispatcher.scheduler.models.values())
    # Whether a variant can be served is seen on the disk, which may be slow.
    models = await asyncio.to_thread(lambda: [views.model(app, model) for model in lanes])
    return web.json_response({"models": models})


async def show_model(ctx: RequestContext) -> web.Response:
    """GET /hostd/v1/models/NAME."""
    app, model = _model(ctx)
    await app.memory.measure()
    return web.json_response(await asyncio.to_thread(views.detail, app, model))


async def load(ctx: RequestContext) -> web.Response:
    """POST /hostd/v1/models/NAME/load: answers when the model is ready, or at once with ``?wait=0``."""
    app, model = _model(ctx)
    name = model.profile.name
    if ctx.request.query.get("wait") == "0":
        app.dispatcher.post(LoadRequested(name, "asked"))
        return web.json_response({"model": name, "state": model.reported_state, "seconds": None}, status=202)
    state = await app.dispatcher.load(name)
    if state is not State.READY:
        why = model.last_error or "it was unloaded meanwhile"
        raise LoadFailed(f"'{name}' could not be loaded: {why}")
    return web.json_response({"model": name, "state": state, "seconds": round(model.load_seconds or 0.0, 3)})


async def unload(ctx: RequestContext) -> web.Response:
    """POST /hostd/v1/models/NAME/unload: answers when nothing of the engine is left, or at once with ``?wait=0``."""
    app, model = _model(ctx)
    if ctx.request.query.get("wait") == "0":
        app.dispatcher.post(UnloadRequested(model.profile.name))
        return web.json_response({"model": model.profile.name, "state": model.reported_state}, status=202)
    state = await app.dispatcher.unload(model.profile.name)
    return web.json_response({"model": model.profile.name, "state": state})


async def logs(ctx: RequestContext) -> web.StreamResponse:
    """GET /hostd/v1/models/NAME/logs: the last ``lines`` lines of its engine, and what follows with ``follow=1``."""
    app, model = _model(ctx)
    ring = app.instances[model.profile.name].ring
    wanted = ctx.request.query.get("lines", "100")
    last = int(wanted) if wanted.isdigit() else ring.capacity_lines
    if ctx.request.query.get("follow") != "1":
        return web.Response(text="".join(line + "\n" for line in ring.lines(last)))
    response = web.StreamResponse(headers=ctx.trace.headers() | {"Content-Type": "text/plain; charset=utf-8"})
    await response.prepare(ctx.request)
    with contextlib.suppress(ConnectionError):
        async for line in ring.follow(last):
            await response.write(line.encode() + b"\n")
    return response


async def why(ctx: RequestContext) -> web.Response:
    """GET /hostd/v1/why?model=NAME|request=ID&last=N: the last decisions, newest last; without a name, about all."""
    app, asked = ctx.app, ctx.request.query
    last = asked.get("last", str(_LAST))
    if not (last.isascii() and last.isdigit() and len(last) < 10):
        raise RequestError(
            f"last={last}: write how many decisions to tell, such as 20", code="bad_request", param="last"
        )
    model = app.router.resolve(asked["model"]) if "model" in asked else None
    return web.json_response({"decisions": app.history.decisions(int(last), model=model, request=asked.get("request"))})


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
