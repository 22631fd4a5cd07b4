"""Handlers are found by method and path, with and without a prefix that a proxy leaves in place."""

import pytest
from aiohttp import web

from hostd.domain.errors import RequestError
from hostd.gateway.context import RequestContext, Route
from hostd.gateway.http.route_table import RouteTable


async def _nothing(_: RequestContext) -> web.StreamResponse:
    return web.Response()


ROUTES: list[Route] = [
    ("POST", "/v1/chat/completions", _nothing),
    ("GET", "/v1/models", _nothing),
    ("GET", "/v1/models/{name}", _nothing),
    ("GET", "/hostd/v1/models/{name}/logs", _nothing),
    ("POST", "/hostd/v1/models/{name}/load", _nothing),
    ("GET", "/hostd/v1/models/{name}", _nothing),
    ("GET", "/", _nothing),
]


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/v1/models", ""),
        ("HEAD", "/v1/models/org/name", "org/name"),
        ("POST", "/hostd/v1/models/a/load", "a"),
        ("GET", "/hostd/v1/models/a/logs", "a"),
        ("GET", "/hostd/v1/models/a/load", "a/load"),
    ],
)
def test_finds_handlers(method: str, path: str, name: str) -> None:
    """The first route of the method wins, and a name may hold slashes."""
    assert name == RouteTable(ROUTES).find(path, method)[1]


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/llm/v1/models", "/v1/models"),
        ("/llm/v1/models/a", "/v1/models/a"),
        ("/v1/models", "/v1/models"),
        ("/llm", "/"),
        ("/llm/", "/"),
        ("/llmx/v1/models", "/llmx/v1/models"),
        ("/llm/llm/v1/models", "/llm/v1/models"),
    ],
)
def test_takes_a_prefix_off(path: str, route: str) -> None:
    """Once, at a slash; the routes answer without it, too."""
    assert route == RouteTable(ROUTES, "/llm").route(path)


@pytest.mark.parametrize(
    "path", ["/models", "/v1/v1/models", "/v1/models/", "//v1/models", "/llm/models/", "/llm//v1/models"]
)
def test_forgives_slips_in_base_urls(path: str) -> None:
    """Behind a prefix, too; what answers as it is stays as it is."""
    assert "/v1/models" == RouteTable(ROUTES, "/llm").route(path)
    assert "/v1/models/v1/models" == RouteTable(ROUTES).route("/v1/models/v1/models")


def test_a_prefix_hides_no_route_of_its_own() -> None:
    """Below /hostd the owner's routes come first, since the command line asks them without a prefix."""
    table = RouteTable(ROUTES, "/hostd")
    assert "/hostd/v1/models/a" == table.route("/hostd/v1/models/a")
    assert "/v1/chat/completions" == table.route("/hostd/v1/chat/completions")


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/some/path/v1/models", "leaves /some/path in front of every path, write it as 'server.prefix'"),
        ("/favicon.ico", "nothing at /favicon.ico"),
    ],
)
def test_hints_at_what_was_meant(path: str, hint: str) -> None:
    """404, with the slip or the setting that would help."""
    with pytest.raises(RequestError) as caught:
        RouteTable(ROUTES).find(path, "GET")
    assert hint in caught.value.message


def test_a_long_path_is_not_echoed_whole() -> None:
    """Nor is a long method."""
    for method, path in (("GET", "/" + "x" * 5000), ("X" * 5000, "/v1/models")):
        with pytest.raises(RequestError) as caught:
            RouteTable(ROUTES).find(path, method)
        assert len(caught.value.message) < 600
