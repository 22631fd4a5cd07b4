"""What clients of inference APIs ask for: an answer from a model, in any dialect, and the list of models."""

from typing import Any

from aiohttp import web

from hostd.dialects import registry
from hostd.domain.errors import UnknownModel
from hostd.gateway import views
from hostd.gateway.context import AppContext, RequestContext, Route
from hostd.gateway.proxy import ProxyRequest
from hostd.gateway.request import parse_request


async def infer(ctx: RequestContext) -> web.StreamResponse:
    """POST to the path of any dialect."""
    return await ProxyRequest(ctx, await parse_request(ctx.request, ctx.dialect)).answer()


async def models(ctx: RequestContext) -> web.StreamResponse:
    """GET /v1/models: every name that can be asked for, aliases and roles included."""
    app = ctx.app
    data = [_model(app, name, profile) for name, profile in app.router.names().items()]
    ends = {"first_id": data[0]["id"] if data else None, "last_id": data[-1]["id"] if data else None}
    return web.json_response({"object": "list", "data": data, "has_more": False, **ends})


async def model(ctx: RequestContext) -> web.StreamResponse:
    """GET /v1/models/NAME; the name may hold slashes."""
    app, name = ctx.app, ctx.name
    return web.json_response(_model(app, name, app.router.resolve(name)))


def _model(app: AppContext, name: str, profile_name: str) -> dict[str, Any]:
    """Return one object that satisfies the clients of both OpenAI and Anthropic."""
    profile = app.settings.profiles.get(profile_name)
    if profile is None:
        raise UnknownModel(profile_name, (), ())
    created = app.wall_time(app.started)
    facts = app.instances[profile_name].facts
    context = views.context(profile, facts)
    return {
        "id": name,
        "object": "model",
        "created": int(created.timestamp()),
        "owned_by": "hostd",
        "type": "model",
        "display_name": name,
        "created_at": created.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "max_input_tokens": context,
        "max_tokens": context,
        "context_length": context,
        "root": profile.name,
        "capabilities": views.capabilities(profile, facts),
    }


ROUTES: list[Route] = [
    *(("POST", path, infer) for path in registry.PATHS),
    ("GET", "/v1/models", models),
    ("GET", "/v1/models/{name}", model),
]
