"""The HTTP server: all routes in one table, one check of origins, one way in which errors are answered.

It stands on aiohttp's bare server. A dozen fixed paths need no router, and what an application object does for each request
(route tables, middlewares, signals) would cost every answer a tenth of its time.
"""

import asyncio
from collections.abc import Iterable

import structlog
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from hostd.dialects import registry
from hostd.domain.errors import Bug, HostdError, RequestError
from hostd.gateway import error_responses
from hostd.gateway.admin import AdminHandlers
from hostd.gateway.auth import identify
from hostd.gateway.context import AppContext, Handler, RequestContext, Route
from hostd.gateway.health import HealthHandlers
from hostd.gateway.inference import InferenceHandlers
from hostd.gateway.origin_check import OriginCheck
from hostd.gateway.request import MAX_BODY_BYTES, too_large
from hostd.gateway.request_trace import RequestTrace, request_id

log = structlog.get_logger()


def make_server(app: AppContext) -> web.Server:
    """Return the server that serves *app*; a client that goes away cancels its handler."""
    families = (
        InferenceHandlers(app.for_inference()),
        AdminHandlers(app.for_admin()),
        HealthHandlers(app.for_health()),
    )
    server = HttpServer(app.catalog.listen, [route for family in families for route in family.routes()])
    return web.Server(server.answer, request_factory=_request, handler_cancellation=True, access_log=None)


def _request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: RequestHandler,
    writer: AbstractStreamWriter,
    task: "asyncio.Task[None]",
) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY_BYTES)


class HttpServer:
    """Finds the handler of a request, and turns whatever that raises into an error answer, with the headers of the trace."""

    def __init__(self, listen: Iterable[str], routes: Iterable[Route]) -> None:
        self._origin_check = OriginCheck(listen)
        self._exact: dict[str, dict[str, Handler]] = {}
        self._named: list[tuple[str, str, dict[str, Handler]]] = []
        for method, path, handler in routes:
            before, name, after = path.partition("{name}")
            if not name:
                self._exact.setdefault(path, {})[method] = handler
            else:
                self._named.append((before, after, {method: handler}))

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Return the answer to *request*, whatever happens."""
        trace = RequestTrace(request_id(request.headers))
        dialect = registry.dialect_of(request.path)
        try:
            self._admit(request)
            handler, name = self._find(request)
            response = await handler(RequestContext(request, trace, identify(request.headers), dialect, name))
        except HostdError as error:
            response = error_responses.response(error, dialect, trace)
        except web.HTTPException as error:
            response = error_responses.response(_of_http(error), dialect, trace)
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception as error:
            # The last resort: say that it is hostd's fault, and keep serving.
            log.exception("bug", path=request.path)
            response = error_responses.response(
                Bug(f"hostd made a mistake: {type(error).__name__}; see its log"), dialect, trace
            )
        if not response.prepared and "x-request-id" not in response.headers:
            response.headers.update(trace.headers())
        return response

    def _admit(self, request: web.BaseRequest) -> None:
        transport = request.transport
        # A unix socket's path is its address; who may use it is the file system's business.
        if transport is None or not isinstance(transport.get_extra_info("sockname"), str):
            self._origin_check.check(request.headers)

    def _find(self, request: web.BaseRequest) -> tuple[Handler, str]:
        path, method = request.path, "GET" if request.method == "HEAD" else request.method
        handlers, name = self._exact.get(path), ""
        if handlers is None:
            handlers, name = self._find_named(path, method)
        if not handlers:
            raise _nothing_at(path, self._exact)
        if method not in handlers:
            allowed = " or ".join(sorted(handlers))
            raise RequestError(f"{path} takes {allowed}, not {method}", code="wrong_method", status=405)
        return handlers[method], name

    def _find_named(self, path: str, method: str) -> tuple[dict[str, Handler], str]:
        found: tuple[dict[str, Handler], str] = {}, ""
        for before, after, handlers in self._named:
            if path.startswith(before) and path.endswith(after) and len(path) > len(before) + len(after):
                found = handlers, path[len(before) : len(path) - len(after)]
                if method in handlers:
                    break
        return found


def _nothing_at(path: str, known: Iterable[str]) -> RequestError:
    slip = "/v1/" + path.strip("/").removeprefix("v1/").removeprefix("v1/")
    hint = f"; did you mean {slip}?" if slip != path and slip in known else ""
    return RequestError(f"there is nothing at {path}{hint}", code="no_such_route", status=404)


def _of_http(error: web.HTTPException) -> HostdError:
    """Return what aiohttp refuses by itself in our words."""
    if error.status == 413:
        return too_large()
    return RequestError(error.reason or "the request was refused", code="bad_request", status=error.status)
