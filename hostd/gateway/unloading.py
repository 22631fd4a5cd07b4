"""Clients of Ollama that want a model no longer: they send nothing to answer, and ``keep_alive: 0``."""

import time

from aiohttp import web

from hostd.dialects.base import InferenceRequest
from hostd.dialects.ollama.answer import freed
from hostd.gateway.context import InferenceServices, RequestContext
from hostd.gateway.http.auth import options_of
from hostd.routing.policy import RouteQuery
from hostd.scheduling.events import UnloadRequested


async def unload(services: InferenceServices, ctx: RequestContext, inference: InferenceRequest) -> web.Response:
    """Have the model unloaded if nobody uses it and its owner has not pinned it; answer at once, as Ollama does.

    Raises:
        RequestError: It is not known, or its sender may not use it.
    """
    options = options_of(ctx.request.headers)
    query = RouteQuery(inference.model, inference.requirements, ctx.principal, options.privacy)
    name = services.router.route(query, 0.0).targets[0].model
    variant = services.upstreams[name].variant
    ctx.trace.model, ctx.trace.backend = name, variant.backend
    if variant.provider is None:
        services.dispatcher.post(UnloadRequested(name, by_client=True))
    kind = "application/x-ndjson" if inference.stream else "application/json"
    return web.Response(body=freed(inference, name, time.time()), content_type=kind)
