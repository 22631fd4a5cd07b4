"""The OpenAI dialect: chat and text completions, embeddings, and the list of models."""

from typing import Any

from aiohttp import web

from hostd.domain.errors import UnknownModel
from hostd.gateway import views
from hostd.gateway.context import House, Route, Visit
from hostd.gateway.proxy import Relay
from hostd.gateway.request import take_in


async def _relay(visit: Visit, path: str, *, embeddings: bool = False) -> web.StreamResponse:
    intake = await take_in(visit.request, embeddings=embeddings)
    return await Relay(visit.house, visit.request, path, intake, visit.trail).answer()


async def chat_completions(visit: Visit) -> web.StreamResponse:
    """POST /v1/chat/completions."""
    return await _relay(visit, "/v1/chat/completions")


async def completions(visit: Visit) -> web.StreamResponse:
    """POST /v1/completions."""
    return await _relay(visit, "/v1/completions")


async def embeddings(visit: Visit) -> web.StreamResponse:
    """POST /v1/embeddings."""
    return await _relay(visit, "/v1/embeddings", embeddings=True)


async def models(visit: Visit) -> web.StreamResponse:
    """GET /v1/models: every name that can be asked for, aliases and roles included."""
    house = visit.house
    data = [_model(house, name, profile) for name, profile in house.directory.names().items()]
    ends = {"first_id": data[0]["id"] if data else None, "last_id": data[-1]["id"] if data else None}
    return web.json_response({"object": "list", "data": data, "has_more": False, **ends})


async def model(visit: Visit) -> web.StreamResponse:
    """GET /v1/models/NAME; the name may hold slashes."""
    house, name = visit.house, visit.name
    return web.json_response(_model(house, name, house.directory.resolve(name)))


def _model(house: House, name: str, profile_name: str) -> dict[str, Any]:
    """Return one object that satisfies the clients of both OpenAI and Anthropic."""
    profile = house.settings.profiles.get(profile_name)
    if profile is None:
        raise UnknownModel(profile_name, (), ())
    created = house.at(house.started)
    facts = house.instances[profile_name].facts
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
    ("POST", "/v1/chat/completions", chat_completions),
    ("POST", "/v1/completions", completions),
    ("POST", "/v1/embeddings", embeddings),
    ("GET", "/v1/models", models),
    ("GET", "/v1/models/{name}", model),
]
