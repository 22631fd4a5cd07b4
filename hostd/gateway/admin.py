"""The owner's routes, under /hostd/v1: what runs, what is declared, what the machine has, load, unload, logs, decisions."""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from dataclasses import asdict

from aiohttp import web

from hostd import __version__
from hostd.descriptor_limit import current
from hostd.domain.capability import PROBED
from hostd.domain.errors import Bug, CapacityError, LoadFailed, RequestError
from hostd.domain.lifecycle import State
from hostd.gateway import views
from hostd.gateway.context import AdminServices, RequestContext, Route
from hostd.gateway.http.connections import bound_for
from hostd.gateway.last_decisions import last_decisions
from hostd.gateway.query_values import count, flag
from hostd.hardware.inventory import inventory
from hostd.scheduling.events import LoadRequested, PinRequested, UnloadRequested
from hostd.scheduling.view import ModelView
from hostd.sizing.memory_state import planning_inputs
from hostd.supervisor.process.log_ring import LogRing

_LAST_DECISIONS = 50
_LAST_LINES = 100
_MOST_FOLLOWERS = 64
"""A person has a few terminals; each follower holds a connection for as long as it likes, so that few of all may be theirs."""


class AdminHandlers:
    """The routes by which the owner, the command line and the dashboard see and steer the daemon."""

    def __init__(self, services: AdminServices) -> None:
        self._services = services
        self._followers = 0

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            ("GET", "/hostd/v1/status", self.show_status),
            ("GET", "/hostd/v1/inventory", self.show_inventory),
            ("GET", "/hostd/v1/plan", self.show_plan),
            ("GET", "/hostd/v1/models", self.list_models),
            ("POST", "/hostd/v1/models/{name}/load", self.load),
            ("POST", "/hostd/v1/models/{name}/unload", self.unload),
            ("POST", "/hostd/v1/models/{name}/pin", self.pin),
            ("POST", "/hostd/v1/models/{name}/unpin", self.unpin),
            ("POST", "/hostd/v1/models/{name}/probe", self.probe),
            ("GET", "/hostd/v1/models/{name}/logs", self.logs),
            ("GET", "/hostd/v1/models/{name}", self.show_model),
            ("GET", "/hostd/v1/requests", self.list_requests),
            ("GET", "/hostd/v1/requests/{name}", self.show_request),
            ("GET", "/hostd/v1/why", self.why),
        ]

    async def show_status(self, _ctx: RequestContext) -> web.Response:
        """Show one row for each instance, with its memory measured now."""
        services = self._services
        await services.memory.measure()
        view = services.dispatcher.view()
        return web.json_response(
            {
                "version": __version__,
                "pid": os.getpid(),
                "ready": view.settled,
                "troubles": list(services.memory.cards.troubles),
                "listen": list(services.addresses),
                "instances": [views.row(services, model) for model in view.models.values()],
                "providers": [
                    views.provider(
                        each, None if each.resets_at is None else views.timestamp(services.wall_time(each.resets_at))
                    )
                    for each in services.dispatcher.spending()
                ],
            }
        )

    async def show_inventory(self, _ctx: RequestContext) -> web.Response:
        """Show the machine's memory, measured now."""
        machine = await asyncio.to_thread(self._services.sensors.read, self._services.catalog.reserve)
        return web.json_response(inventory(machine))

    async def show_plan(self, _ctx: RequestContext) -> web.Response:
        """Show what is promised of each pool, what should be warm, and what `hostd plan` decides with."""
        services = self._services
        if (host := services.memory.host) is None:
            host = await asyncio.to_thread(services.sensors.read, services.catalog.reserve)
        memory = services.dispatcher.memory()
        return web.json_response(views.plan(memory) | planning_inputs(memory, host, services.catalog.profiles))

    async def list_models(self, _ctx: RequestContext) -> web.Response:
        """Show every profile as it is declared, and which of its variants can be served; and the roles."""
        services, models = self._services, list(self._services.dispatcher.view().models.values())
        # Whether a variant can be served is seen on the disk, which may be slow.
        shown = await asyncio.to_thread(lambda: [views.model(services, model) for model in models])
        return web.json_response({"models": shown, "roles": views.roles(services.catalog.roles.values())})

    async def show_model(self, ctx: RequestContext) -> web.Response:
        """Show everything about one model."""
        await self._services.memory.measure()
        return web.json_response(await asyncio.to_thread(views.detail, self._services, self._model(ctx)))

    async def load(self, ctx: RequestContext) -> web.Response:
        """Load a model; answer when it is ready, or at once with ``?wait=0``."""
        dispatcher, name = self._services.dispatcher, self._model(ctx).name
        if not flag(ctx.request.query, "wait", default=True):
            dispatcher.post(LoadRequested(name, "asked"))
            state = dispatcher.model(name).reported_state
            return web.json_response({"model": name, "state": state, "seconds": None}, status=202)
        model = await self._ready(name)
        return web.json_response({"model": name, "state": model.state, "seconds": round(model.load_seconds or 0.0, 3)})

    async def unload(self, ctx: RequestContext) -> web.Response:
        """Unload a model; answer when nothing of its engine is left, or at once with ``?wait=0``."""
        dispatcher, name = self._services.dispatcher, self._model(ctx).name
        if not flag(ctx.request.query, "wait", default=True):
            dispatcher.post(UnloadRequested(name))
            return web.json_response({"model": name, "state": dispatcher.model(name).reported_state}, status=202)
        return web.json_response({"model": name, "state": await dispatcher.unload(name)})

    async def pin(self, ctx: RequestContext) -> web.Response:
        """Keep a model loaded whatever others need and however long it is idle, until it is unpinned, or files are read anew."""
        return self._pin(ctx, pinned=True)

    async def unpin(self, ctx: RequestContext) -> web.Response:
        """Let a model be evicted for others, and be unloaded when it is idle, even where its profile says that it is pinned."""
        return self._pin(ctx, pinned=False)

    def _pin(self, ctx: RequestContext, *, pinned: bool) -> web.Response:
        name = self._model(ctx).name
        self._services.dispatcher.post(PinRequested(name, pinned))
        return web.json_response({"model": name, "pinned": pinned})

    async def probe(self, ctx: RequestContext) -> web.Response:
        """Load a model, and ask it what it can really do; a model of a provider only with ``?paid=1``, since that costs money."""
        services, name, paid = self._services, self._model(ctx).name, flag(ctx.request.query, "paid")
        instance = services.instances[name]
        if instance.variant.provider is not None and not paid:
            raise RequestError(
                f"'{name}' is a model of the provider {instance.variant.provider}: a probe sends it up to twelve requests, which "
                "cost money; agree with hostd probe --yes, or POST with ?paid=1",
                code="costs_money",
                status=403,
            )
        if services.prober is None:
            raise Bug("there is nothing that probes models")
        await self._ready(name)
        found = await services.prober.probe(name)
        declared = asdict(services.catalog.profiles[name].capabilities)
        return web.json_response(
            {
                "model": name,
                "variant": instance.variant.label,
                "backend": instance.variant.backend,
                "build": instance.facts.version,
                "declared": {each: declared[each] for each in PROBED if declared.get(each) is not None},
                "probed": views.probed(found),
            }
        )

    async def logs(self, ctx: RequestContext) -> web.StreamResponse:
        """Show the last ``lines`` lines of a model's engine, and with ``follow=1`` what it writes from now on."""
        ring = self._services.instances[self._model(ctx).name].ring
        last = count(ctx.request.query, "lines", _LAST_LINES, all_of=ring.capacity_lines)
        # A request for the head alone has no end to wait for.
        if not flag(ctx.request.query, "follow") or ctx.request.method == "HEAD":
            return web.Response(text="".join(line + "\n" for line in ring.lines(last)))
        with self._follower():
            return await self._follow(ctx, ring, last)

    async def _follow(self, ctx: RequestContext, ring: LogRing, last: int) -> web.StreamResponse:
        response = web.StreamResponse(headers=ctx.trace.headers() | {"Content-Type": "text/plain; charset=utf-8"})
        await response.prepare(ctx.request)
        with contextlib.suppress(ConnectionError):
            async for line in ring.follow(last):
                await response.write(line.encode() + b"\n")
        return response

    async def list_requests(self, ctx: RequestContext) -> web.Response:
        """Show every request that is being answered or waits, with its place and expected wait; and the ``last`` that are over."""
        services, last = self._services, count(ctx.request.query, "last", 0)
        over = await asyncio.to_thread(services.records.recorded, last) if last else []
        return web.json_response(
            {
                "requests": [views.request(services, each) for each in services.dispatcher.requests()],
                "past": [views.past_request(each) for each in over],
            }
        )

    async def show_request(self, ctx: RequestContext) -> web.Response:
        """Show one request by its ``x-request-id``, under way or over, with the decisions about it: attempts and their reasons."""
        services, name = self._services, ctx.name
        decisions = await last_decisions(self._services, _LAST_DECISIONS, request=name)
        for each in services.dispatcher.requests():
            if each.id == name or each.id.startswith(f"{name}/"):
                return web.json_response(views.request(services, each) | {"decisions": decisions})
        found = await asyncio.to_thread(services.records.find, name)
        if found is None:
            raise RequestError(
                f"no request '{name[:128]}' is under way or recorded; GET /hostd/v1/requests?last=50 lists the last ones",
                code="request_not_found",
                status=404,
            )
        return web.json_response(views.past_request(found) | {"decisions": decisions})

    async def why(self, ctx: RequestContext) -> web.Response:
        """Show the ``last`` decisions, newest last: about a ``model``, about a ``request``, or about all.

        Those before the start of the daemon are among them. One of them about a request that its first choice has answered was not
        written down: it is told by the request's record.
        """
        query = ctx.request.query
        last, request = count(query, "last", _LAST_DECISIONS), query.get("request")
        model = self._services.router.resolve(query["model"]) if "model" in query else None
        found = await last_decisions(self._services, last, model=model, request=request)
        if not found and last > 0 and request is not None:
            record = await asyncio.to_thread(self._services.records.find, request)
            found = [] if record is None or record.model is None else [views.routed(record)]
        return web.json_response({"decisions": found})

    @contextlib.contextmanager
    def _follower(self) -> Iterator[None]:
        """Count one more follower of logs, as long as there are not too many.

        Raises:
            CapacityError: There are.
        """
        if self._followers >= min(_MOST_FOLLOWERS, bound_for(current()) // 4):
            raise CapacityError(
                f"{self._followers} clients follow logs already; close some of them",
                code="too_many_followers",
                retry_after=10.0,
            )
        self._followers += 1
        try:
            yield
        finally:
            self._followers -= 1

    async def _ready(self, name: str) -> ModelView:
        """Load the model and return it.

        Raises:
            LoadFailed: It could not be loaded, or was unloaded meanwhile.
        """
        dispatcher = self._services.dispatcher
        state = await dispatcher.load(name)
        model = dispatcher.model(name)
        if state is not State.READY:
            why = model.last_error or "it was unloaded meanwhile"
            raise LoadFailed(f"'{name}' could not be loaded: {why}")
        return model

    def _model(self, ctx: RequestContext) -> ModelView:
        return self._services.dispatcher.model(self._services.router.resolve(ctx.name))
