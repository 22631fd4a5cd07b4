"""The owner's routes as an OpenAPI document, so that programs and generated clients need not be written against prose.

Summaries are those of the handlers; what a query may say stands here, since it is read where it is used.
https://spec.openapis.org/oas/v3.1.0
"""

import inspect
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from hostd import __version__
from hostd.domain.costs import MOST_DAYS, CostGroup
from hostd.gateway.context import RequestContext, Route
from hostd.gateway.query_values import FLAGS
from hostd.hardware.simulated import PRESETS

PATH = "/hostd/v1/openapi.json"

_FLAG = {"type": "string", "enum": sorted(FLAGS)}
_COUNT = {"type": "integer", "minimum": 0, "maximum": 999_999_999}
_DAYS = {"type": "integer", "minimum": 1, "maximum": MOST_DAYS}
_TEXT = {"type": "string"}

QUERIES: dict[str, dict[str, dict[str, Any]]] = {
    "/hostd/v1/models/{name}/load": {"wait": _FLAG},
    "/hostd/v1/models/{name}/unload": {"wait": _FLAG},
    "/hostd/v1/models/{name}/probe": {"paid": _FLAG},
    "/hostd/v1/models/{name}/logs": {"lines": {"anyOf": [_COUNT, {"const": "all"}]}, "follow": _FLAG},
    "/hostd/v1/requests": {"last": _COUNT},
    "/hostd/v1/plan/{name}": {
        "ctx": _COUNT,
        "slots": _COUNT,
        "kv_type": _TEXT,
        "host": {"type": "string", "enum": list(PRESETS)},
    },
    "/hostd/v1/events": {"only": _TEXT, "last": _COUNT},
    "/hostd/v1/why": {"last": _COUNT, "model": _TEXT, "request": _TEXT},
    "/hostd/v1/cost": {"by": {"type": "string", "enum": list(CostGroup)}, "days": _DAYS, "compare": _TEXT},
    "/hostd/v1/report": {"days": _DAYS, "compare": _TEXT},
    "/hostd/v1/reload": {"dry_run": _FLAG},
}
"""What the query of a path may say, as JSON schemas."""

_TEXTS = frozenset({"/hostd/v1/models/{name}/logs", "/metrics"})
_LATER = frozenset({"/hostd/v1/models/{name}/load", "/hostd/v1/models/{name}/unload"})
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string", "description": "What happened, why, and what to do next."},
                "type": _TEXT,
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"], "description": "What programs go by."},
            },
        }
    },
}


class OpenApiHandlers:
    """Shows *described*, routes of the owner's, and its own."""

    def __init__(self, described: Sequence[Route]) -> None:
        self._described = described

    def routes(self) -> list[Route]:
        """Return the route."""
        return [("GET", PATH, self.show)]

    async def show(self, _ctx: RequestContext) -> web.Response:
        """Show the owner's routes as an OpenAPI document."""
        return web.json_response(document([*self._described, *self.routes()]))


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of *routes*."""
    paths: dict[str, dict[str, Any]] = {}
    for method, path, handler in routes:
        summary, _, more = (inspect.getdoc(handler) or "").replace("``", "`").partition("\n\n")
        about = {"summary": summary.replace("\n", " ")} | ({"description": more} if more else {})
        paths.setdefault(path, {})[method.lower()] = about | {
            "operationId": handler.__name__,
            "parameters": _parameters(path),
            "responses": _responses(path),
        }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "hostd",
            "version": __version__,
            "description": "What runs on this host, and how to steer it.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "security": [{}, {"key": []}],
        "components": {
            "schemas": {"Error": _ERROR},
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key of scope admin, where the owner has made keys.",
                }
            },
        },
    }


def _parameters(path: str) -> list[dict[str, Any]]:
    named = [{"name": "name", "in": "path", "required": True, "schema": _TEXT}] if "{name}" in path else []
    return [*named, *({"name": name, "in": "query", "schema": kind} for name, kind in QUERIES.get(path, {}).items())]


def _kind(path: str) -> dict[str, Any]:
    if path == "/hostd/v1/events":
        return {"text/event-stream": {"schema": _TEXT}}
    return {"text/plain": {"schema": _TEXT}} if path in _TEXTS else {"application/json": {"schema": {"type": "object"}}}


def _responses(path: str) -> dict[str, Any]:
    """Return the answers of *path* by status. What stands in an object may grow, so that it is not closed."""
    kind = _kind(path)
    found: dict[str, Any] = {"200": {"description": "What was asked for.", "content": kind}}
    if path in _LATER:
        found["202"] = {"description": "It is under way.", "content": kind}
    if path == "/readyz":
        found["503"] = {"description": "Not yet; the same object.", "content": kind}
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return found | {"default": {"description": "Why not.", "content": error}}
