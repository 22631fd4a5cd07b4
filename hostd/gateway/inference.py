"""What clients of inference APIs ask for: an answer from a model, in any dialect, and the list of models."""

from typing import Any

from aiohttp import web

from hostd.dialects import registry
from hostd.dialects.base import Dialect
from hostd.dialects.ollama.request import only_frees
from hostd.domain.errors import RequestError, UnknownModel
from hostd.gateway import views
from hostd.gateway.context import InferenceServices, RequestContext, Route
from hostd.gateway.forwarding.proxy import ProxyRequest
from hostd.gateway.pages import page_of
from hostd.gateway.permission import allowed_profile
from hostd.gateway.request import parse_request
from hostd.gateway.responses.keeping import prepared
from hostd.gateway.unloading import unload


class InferenceHandlers:
    """The routes of all dialects; the list of models satisfies the clients of both OpenAI and Anthropic."""

    def __init__(self, services: InferenceServices) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """Return the routes: one for each dialect, and the models."""
        return [
            *(("POST", path, self.infer) for path in registry.PATHS),
            ("GET", "/v1/models", self.list_models),
            ("GET", "/v1/models/{name}", self.show_model),
        ]

    async def infer(self, ctx: RequestContext) -> web.StreamResponse:
        """Answer a request to the path of any dialect."""
        services, keeper = self._services, None
        if ctx.dialect is Dialect.OPENAI_RESPONSES and services.responses is not None:
            inference, keeper = await prepared(ctx, services.responses, services.bodies)
        else:
            inference = await parse_request(ctx.request, ctx.dialect, services.bodies)
        if inference.remote_media is not None and not self._services.catalog.server.remote_media:
            raise RequestError(
                f"the engine would have to fetch '{inference.remote_media}'; send it as a data: URL, or allow this with "
                "'server.remote_media' in hostd.yaml",
                code="remote_media",
                param="messages",
            )
        if only_frees(inference):
            return await unload(services, ctx, inference)
        return await ProxyRequest(services, ctx, inference, keeper).answer()

    async def list_models(self, ctx: RequestContext) -> web.StreamResponse:
        """Show every name that can be asked for, aliases and roles included, in pages where `limit` is given."""
        data = [
            self._model(name, profile)
            for name, profile in self._services.router.names().items()
            if ctx.principal.may_use(profile)
        ]
        return web.json_response(page_of(data, ctx.request.query))

    async def show_model(self, ctx: RequestContext) -> web.StreamResponse:
        """Show the model of one name, which may hold slashes."""
        return web.json_response(self._model(ctx.name, allowed_profile(self._services.router, ctx, ctx.name)))

    def _model(self, name: str, profile_name: str) -> dict[str, Any]:
        profile = self._services.catalog.profiles.get(profile_name)
        if profile is None:
            raise UnknownModel(profile_name, (), ())
        created = self._services.started
        facts = self._services.upstreams[profile_name].facts
        context = views.context(profile, facts)
        return {
            "id": name,
            "object": "model",
            "created": int(created.timestamp()),
            "owned_by": "hostd",
            "type": "model",
            "display_name": name,
            "created_at": views.timestamp(created),
            "lifecycle": "active",
            "max_input_tokens": context,
            "max_tokens": context,
            "context_length": context,
            "root": profile.name,
            # Anthropic has an object of its own under the shorter name.
            "hostd_capabilities": views.capabilities(profile, facts, self._services.router.findings.of(profile_name)),
        }
