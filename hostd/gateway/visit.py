"""One request at the door, as every handler gets it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from hostd.gateway.house import House
from hostd.gateway.trail import Trail


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks, of which house, and the trail that the answer will tell. *name* is what a path's ``{name}`` stood for."""

    house: House
    request: web.BaseRequest
    trail: Trail
    name: str = ""


Handler = Callable[[Visit], Awaitable[web.StreamResponse]]

Route = tuple[str, str, Handler]
"""Method, path and handler. A path may hold one ``{name}``, which spans slashes: models are called org/name."""
