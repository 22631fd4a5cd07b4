"""What Ollama's clients ask beside answers: which models there are, and to get, make or delete one."""

import json
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from hostd.dialects.ollama import catalogue
from hostd.dialects.ollama.catalogue import ModelFacts
from hostd.dialects.request_document import RequestDocument
from hostd.domain.errors import RequestError
from hostd.domain.lifecycle import State
from hostd.gateway import views
from hostd.gateway.context import OllamaServices, RequestContext, Route
from hostd.gateway.permission import allowed_profile

_RAM = "ram"
_OWNERS = "the models of this host are declared in its own files; see hostd pull and hostd ls"
_LOADED = (State.READY, State.DRAINING)


class OllamaHandlers:
    """The routes under ``/api`` that no model answers."""

    def __init__(self, services: OllamaServices) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """Return the routes; those that would change models are refused."""
        return [
            ("GET", "/api/version", self.version),
            ("GET", "/api/tags", self.tags),
            ("GET", "/api/ps", self.loaded),
            ("POST", "/api/show", self.show),
            ("POST", "/api/pull", self.pull),
            *(("POST", f"/api/{what}", self.refuse) for what in ("create", "push", "copy")),
            ("DELETE", "/api/delete", self.refuse),
            ("POST", "/api/blobs/{name}", self.refuse),
        ]

    async def version(self, _ctx: RequestContext) -> web.Response:
        """Show the version of Ollama whose API this is."""
        return web.json_response({"version": catalogue.VERSION})

    async def tags(self, ctx: RequestContext) -> web.Response:
        """Show every name that can be asked for, aliases and roles included."""
        names = self._services.router.names().items()
        shown = [self._facts(name, profile) for name, profile in names if ctx.principal.may_use(profile)]
        return web.json_response({"models": [catalogue.listed(facts) for facts in shown]})

    async def loaded(self, ctx: RequestContext) -> web.Response:
        """Show the models that are loaded, with their memory, and until when they stay."""
        services = self._services
        found = []
        for model in services.dispatcher.view().models.values():
            if model.state not in _LOADED or not ctx.principal.may_use(model.name):
                continue
            held = services.memory.held(model.name)
            facts = self._facts(model.name, model.name, size=sum(held.values()))
            on_cards = sum(size for pool, size in held.items() if pool != _RAM)
            until = None if model.unloads_at is None else services.wall_time(model.unloads_at).timestamp()
            stays = services.started.timestamp() + catalogue.FOR_EVER
            found.append(catalogue.loaded(facts, on_cards=on_cards, until=stays if until is None else until))
        return web.json_response({"models": found})

    async def show(self, ctx: RequestContext) -> web.Response:
        """Show the model that ``model`` names: what it can do, and its context."""
        name = _name_in(RequestDocument.parse(await ctx.request.read()))
        return web.json_response(catalogue.shown(self._facts(name, allowed_profile(self._services.router, ctx, name))))

    async def pull(self, ctx: RequestContext) -> web.Response:
        """Say at once that a declared model is there; others are for the owner to get."""
        document = RequestDocument.parse(await ctx.request.read())
        allowed_profile(self._services.router, ctx, _name_in(document))
        done = {"status": "success"}
        if document.get("stream") is False:
            return web.json_response(done)
        return web.Response(body=_lines([{"status": "pulling manifest"}, done]), content_type="application/x-ndjson")

    async def refuse(self, ctx: RequestContext) -> web.Response:
        """Refuse: models are the owner's to make, copy and delete."""
        raise RequestError(f"{ctx.request.path} changes models, and {_OWNERS}", code="not_allowed", status=403)

    def _facts(self, name: str, profile_name: str, size: int = 0) -> ModelFacts:
        services = self._services
        profile, upstream = services.catalog.profiles[profile_name], services.instances[profile_name]
        can = views.capabilities(profile, upstream.facts, services.router.findings.of(profile_name))
        return ModelFacts(
            name,
            upstream.variant.label,
            views.context(profile, upstream.facts),
            size or sum(services.memory.held(profile_name).values()),
            services.started.timestamp(),
            thinking=None if can["thinking"] is None else can["thinking"] != "false",
            **{each: can[each] for each in ("embeddings", "tools", "vision")},
        )


def _name_in(document: RequestDocument) -> str:
    """Return the model that a request names; old clients say ``name``."""
    name = document.get("model") or document.get("name")
    if not isinstance(name, str):
        raise RequestError("the request names no model; set 'model'", code="no_model", param="model")
    return name


def _lines(documents: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)
