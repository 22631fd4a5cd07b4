"""The HTTP server: all routes in one table, one check of origins, one way in which errors are answered.

It stands on aiohttp's bare server. A dozen fixed paths need no router, and what an application object does for each request
(route tables, middlewares, signals) would cost every answer a tenth of its time.
"""

import asyncio
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import NamedTuple

import structlog
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler, RequestPayloadError

from hostd.descriptor_limit import current
from hostd.dialects import registry
from hostd.dialects.base import Dialect
from hostd.domain.errors import Bug, HostdError, RequestError
from hostd.domain.principal import Principal
from hostd.domain.server_settings import ServerSettings
from hostd.gateway.admin import AdminHandlers
from hostd.gateway.budgets import BudgetHandlers, BudgetServices
from hostd.gateway.context import AppContext, Handler, RequestContext, Route
from hostd.gateway.costs import CostHandlers
from hostd.gateway.dashboard.handlers import DashboardHandlers
from hostd.gateway.events.handlers import EventHandlers
from hostd.gateway.forwarding.request_trace import RequestTrace, request_id
from hostd.gateway.health import HealthHandlers
from hostd.gateway.http import cors, error_responses
from hostd.gateway.http.auth import identify
from hostd.gateway.http.body_budget import BodyBudget
from hostd.gateway.http.connection import ClientConnection
from hostd.gateway.http.connections import Connections, bound_for
from hostd.gateway.http.key_ring import KeyRing
from hostd.gateway.http.origin_check import OriginCheck, shown
from hostd.gateway.http.route_table import RouteTable
from hostd.gateway.inference import InferenceHandlers
from hostd.gateway.ollama import OllamaHandlers
from hostd.gateway.openapi import OpenApiHandlers
from hostd.gateway.plans import PlanHandlers
from hostd.gateway.reloading import ReloadHandlers
from hostd.gateway.request import HttpRequest
from hostd.gateway.responses.handlers import ResponseHandlers
from hostd.gateway.token_counts import TokenCountHandlers
from hostd.heap import HeapTrimmer
from hostd.telemetry.request_log import EVENT

log = structlog.get_logger()

_MOST_TOLD = 64


def connections_to(server: "HttpServer") -> Connections:
    """Return what accepts connections for *server*; a client that goes away cancels its handler."""
    return Connections(server.answer, request_factory=server.request, most=bound_for(current()))


def make_server(app: AppContext) -> "HttpServer":
    """Return the server that serves *app*."""
    server: HttpServer
    families = (
        InferenceHandlers(app.for_inference()),
        OllamaHandlers(app.for_ollama()),
        TokenCountHandlers(app.for_inference()),
        ResponseHandlers(app.responses),
        DashboardHandlers(),
    )
    owners = (
        AdminHandlers(app.for_admin()),
        EventHandlers(app.for_admin()),
        PlanHandlers(app.for_admin()),
        BudgetHandlers(BudgetServices(app, lambda: server.keys)),
        CostHandlers(app),
        ReloadHandlers(app.reload),
        HealthHandlers(app.for_health()),
    )
    # What those who follow events are told.
    app.sinks.add(app.recent)
    settings = app.catalog.server
    described = [route for family in owners for route in family.routes()]
    routes = [
        *(route for family in families for route in family.routes()),
        *OpenApiHandlers(described).routes(),
        *described,
    ]
    server = HttpServer(app.catalog.listen, settings, routes, app.keys)
    return server


class _Resolved(NamedTuple):
    """What requests with *headers* that *origin_check* has admitted ask for, and the lines *fixed* of their answers' heads."""

    headers: Mapping[str, str]
    origin_check: OriginCheck
    path: str
    dialect: Dialect
    fixed: str
    handler: Handler
    name: str


class HttpServer:
    """Finds the handler of a request, and turns whatever that raises into an error answer, with the headers of the trace."""

    def __init__(
        self, listen: Iterable[str], settings: ServerSettings, routes: Iterable[Route], keys: KeyRing | None = None
    ) -> None:
        """Answer with *routes* at *listen*; *keys* are needed by clients, None where none is."""
        self._keys = keys
        self._origin_check = OriginCheck(listen, settings)
        self._budget = BodyBudget(settings.max_body, freed=HeapTrimmer().freed)
        self._routes = RouteTable(routes, settings.prefix)
        self._told: set[str] = set()

    def reconfigure(self, listen: Iterable[str], settings: ServerSettings, keys: KeyRing | None) -> None:
        """Answer the next request as if the server had been made with these; those under way go on."""
        self._keys = keys
        self._origin_check = OriginCheck(listen, settings)
        self._budget.resize(settings.max_body)
        self._routes.move(settings.prefix)
        self._told.clear()

    @property
    def keys(self) -> KeyRing | None:
        """The keys that clients need, None where none is needed."""
        return self._keys

    def request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> HttpRequest:
        """Return the request that came as *message*, with its limits."""
        return HttpRequest(message, payload, protocol, writer, task, budget=self._budget)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Return the answer to *request*, whatever happens."""
        headers = request.headers
        trace = RequestTrace(request_id(headers), fixed=cors.SAFE)
        resolved = self._resolved(request)
        if resolved is None:
            path = self._routes.route(request.path)
            dialect = registry.dialect_of(path, headers)
        else:
            path, dialect, trace.fixed = resolved.path, resolved.dialect, resolved.fixed
        try:
            if resolved is None and (preflight := self._admitted(request, path, trace)) is not None:
                return preflight
            principal = identify(headers) if self._keys is None else await _by_key(self._keys, request, path)
            resolved = resolved or self._resolve(request, path, dialect, trace.fixed)
            response = await resolved.handler(RequestContext(request, trace, principal, dialect, resolved.name))
        except HostdError as error:
            response = error_responses.response(error, dialect, trace)
            if path in registry.PATHS:
                # One that was understood has a line of its own. What is wrong with this one may quote it.
                log.info(
                    EVENT, request=trace.request_id, outcome="rejected", status=error.status, code=error.code, path=path
                )
            if error.status == HTTPStatus.METHOD_NOT_ALLOWED:
                response.headers["Allow"] = ", ".join(self._routes.methods(path))
            elif error.status == HTTPStatus.UNAUTHORIZED:
                response.headers["WWW-Authenticate"] = "Bearer"
            if isinstance(request, HttpRequest) and request.stuck:
                response.force_close()
        except RequestPayloadError:
            # The parser cannot tell where the next request begins.
            why = RequestError("the request's body is broken: its chunks are malformed", code="bad_request")
            response = error_responses.response(why, dialect, trace)
            response.force_close()
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception as error:
            # The last resort: say that it is hostd's fault, and keep serving.
            log.exception("bug", path=shown(request.path))
            response = error_responses.response(
                Bug(f"hostd made a mistake: {type(error).__name__}; see its log"), dialect, trace
            )
        finally:
            if isinstance(request, HttpRequest):
                request.give_back()
        if not response.prepared and "x-request-id" not in response.headers:
            response.headers.update(trace.headers())
        return response

    def _resolved(self, request: web.BaseRequest) -> "_Resolved | None":
        """Return what was found out about the head of *request* when its connection's last one had it; None where it had not."""
        connection = request.protocol
        before = connection.resolved if isinstance(connection, ClientConnection) else None
        if not isinstance(before, _Resolved) or before.headers is not request.headers:
            return None
        # Another check is in force since a reload, perhaps with another prefix of the paths.
        return before if before.origin_check is self._origin_check else None

    def _resolve(self, request: web.BaseRequest, path: str, dialect: Dialect, fixed: str) -> "_Resolved":
        """Return what the head of *request*, which is admitted, asks for, and keep it for those that repeat it.

        Raises:
            RequestError: Nothing answers it.
        """
        found = self._routes.find(path, request.method)
        resolved = _Resolved(request.headers, self._origin_check, path, dialect, fixed, *found)
        if isinstance(request.protocol, ClientConnection):
            request.protocol.resolved = resolved
        return resolved

    def _admitted(self, request: web.BaseRequest, path: str, trace: RequestTrace) -> web.Response | None:
        """Return the answer if *request* only asks what a page may do, None for another one that may go on.

        Raises:
            RequestError: It may not.
        """
        if (origin := self._admit(request)) is not None:
            trace.fixed = cors.readable_by(origin)
        return self._options(request, path, trace) if request.method == "OPTIONS" else None

    def _admit(self, request: web.BaseRequest) -> str | None:
        """Return the origin of the page that asks, None for a program."""
        protocol = request.protocol
        by_name = not isinstance(protocol, ClientConnection) or protocol.by_name
        try:
            if not request.raw_path.startswith(("/", "*")):
                # The absolute form, which only proxies are sent, names the server once more (RFC 9112, section 3.2.2).
                self._origin_check.check({"Host": request.raw_path.partition("://")[2].partition("/")[0]})
            return self._origin_check.check(request.headers, by_name=by_name, method=request.method)
        except RequestError as error:
            # A browser keeps the reason from the page, so that the owner finds it here only.
            if error.message not in self._told and len(self._told) < _MOST_TOLD:
                self._told.add(error.message)
                log.warning("page_refused", why=error.message)
            raise

    def _options(self, request: web.BaseRequest, path: str, trace: RequestTrace) -> web.Response:
        headers = trace.headers() | cors.options_headers(request.headers, self._routes.methods(path))
        return web.Response(status=204, headers=headers)


async def _by_key(keys: KeyRing, request: web.BaseRequest, path: str) -> Principal:
    """Return the sender of *request*, which is answered at *path*; raises as `KeyRing.identify` does."""
    if keys.is_due:
        await keys.look()
    protocol = request.protocol
    peer = (protocol.peer if protocol.by_name else None) if isinstance(protocol, ClientConnection) else ""
    return keys.identify(request.headers, path, peer=peer)
