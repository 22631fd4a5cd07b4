"""How many tokens a request for a message has: as its model's server counts them, where that can be asked at once, else about."""

import asyncio

from aiohttp import web

from hostd.backends.in_turn import in_turn
from hostd.backends.upstream import Upstream
from hostd.dialects import registry
from hostd.dialects.anthropic.sums import estimate
from hostd.dialects.base import Dialect, InferenceRequest
from hostd.domain.errors import EngineError, RequestError
from hostd.domain.thinking import ThinkingDefault
from hostd.gateway.context import InferenceServices, RequestContext, Route
from hostd.gateway.http.auth import options_of
from hostd.gateway.request import parse_request
from hostd.routing.policy import RouteQuery


class TokenCountHandlers:
    """The route by which clients of the Anthropic dialect count a prompt before they send it. It loads no model."""

    def __init__(self, services: InferenceServices) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """Return the route."""
        return [("POST", "/v1/messages/count_tokens", self.count_tokens)]

    async def count_tokens(self, ctx: RequestContext) -> web.StreamResponse:
        """Count the tokens of a request's prompt; an estimate where the model is not loaded, or its server does not count."""
        services = self._services
        inference = await parse_request(ctx.request, ctx.dialect, services.bodies)
        options = options_of(ctx.request.headers)
        query = RouteQuery(inference.model, inference.requirements, ctx.principal, options.privacy)
        route = services.router.route(query, asyncio.get_running_loop().time())
        upstream = services.upstreams[route.targets[0].model]
        counted = await self._counted(
            upstream, inference, private=route.private or services.screen.scans, thinking=route.thinking
        )
        if counted is None:
            counted = await in_turn(inference.document.size, estimate, inference.document)
        ctx.trace.model, ctx.trace.backend = upstream.name, upstream.variant.backend
        return web.json_response({"input_tokens": counted})

    async def _counted(
        self, upstream: Upstream, inference: InferenceRequest, *, private: bool, thinking: ThinkingDefault | None
    ) -> int | None:
        try:
            lease = upstream.lease()
            lease.thinking = thinking or lease.thinking
            # Servers count what they make a prompt of, which are chat completions even where they answer messages.
            spoken = lease.endpoint.speaks.keys() - {Dialect.ANTHROPIC_TEXT}
            translation = registry.translation(inference.dialect, spoken)
            if translation is None or (private and not lease.stays_here):
                return None
            document = await in_turn(inference.document.size, translation.request, inference)
            return await lease.count_tokens(document, translation.spoken)
        except (EngineError, RequestError):
            return None
