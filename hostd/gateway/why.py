"""The owner can ask why: the desk's last decisions about a model or a request."""

from aiohttp import web

from hostd.domain.errors import RequestError
from hostd.gateway.visit import Route, Visit

_LAST = 50


async def why(visit: Visit) -> web.Response:
    """GET /hostd/v1/why?model=NAME|request=ID&last=N: the last decisions, newest last; without a name, about all."""
    house, asked = visit.house, visit.request.query
    last = asked.get("last", str(_LAST))
    if not (last.isascii() and last.isdigit() and len(last) < 10):
        raise RequestError(
            f"last={last}: write how many decisions to tell, such as 20", code="bad_request", param="last"
        )
    model = house.directory.resolve(asked["model"]) if "model" in asked else None
    return web.json_response(
        {"decisions": house.chronicle.decisions(int(last), model=model, request=asked.get("request"))}
    )


ROUTES: list[Route] = [("GET", "/hostd/v1/why", why)]
