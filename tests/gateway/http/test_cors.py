"""A browser is told what a page that is let in may ask and read."""

import pytest

from hostd.domain.server_settings import ServerSettings
from hostd.gateway.http import cors
from tests.conftest import OpenDaemon
from tests.stage import CHAT, make_settings

ORIGIN = "http://localhost:3000"
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,x-stainless-os",
}


def test_a_plain_options_request_is_no_preflight() -> None:
    """It learns the methods, and no browser is told anything."""
    assert {"Allow": "POST, OPTIONS"} == cors.options_headers({"Origin": ORIGIN}, ["POST"])


def test_a_preflight_learns_what_it_asks() -> None:
    """Methods, the very headers that it named, and that this network may be asked."""
    asked = PREFLIGHT | {"Access-Control-Request-Private-Network": "true"}
    headers = cors.options_headers(asked, ["GET", "HEAD"])
    assert "GET, HEAD, OPTIONS" == headers["Access-Control-Allow-Methods"]
    assert PREFLIGHT["Access-Control-Request-Headers"] == headers["Access-Control-Allow-Headers"]
    assert "true" == headers["Access-Control-Allow-Private-Network"]


@pytest.mark.parametrize("names", ["a b", "a,,b", "a\r\nX: 1", ",".join(["a"] * 100), ""])
def test_names_that_are_none_are_not_echoed(names: str) -> None:
    """They are a stranger's words."""
    assert "Access-Control-Allow-Headers" not in cors.options_headers(
        PREFLIGHT | {"Access-Control-Request-Headers": names}, []
    )


async def test_every_route_answers_a_preflight(open_daemon: OpenDaemon) -> None:
    """Also those that are not there: a browser must be able to read the 404."""
    async with open_daemon(make_settings(), wait=False) as stage:
        for path, methods in (
            (CHAT, "POST, OPTIONS"),
            ("/v1/models", "GET, HEAD, OPTIONS"),
            ("/hostd/v1/models/x/load", "GET, HEAD, POST, OPTIONS"),
            ("/healthz", "GET, HEAD, OPTIONS"),
            ("/nothing", "GET, HEAD, POST, OPTIONS"),
        ):
            answer = await stage.send("OPTIONS", path, headers=PREFLIGHT)
            assert (204, ORIGIN, methods) == (
                answer.status,
                answer.headers["Access-Control-Allow-Origin"],
                answer.headers["Access-Control-Allow-Methods"],
            )


async def test_answers_and_errors_can_be_read_by_a_page_that_is_let_in(open_daemon: OpenDaemon) -> None:
    """With the headers that tell who answered; others are told nothing but how to be let in."""
    settings = make_settings(server=ServerSettings(origins=("app://obsidian.md",)))
    async with open_daemon(settings, wait=False) as stage:
        for origin in (ORIGIN, "app://obsidian.md"):
            for path, status in (("/v1/models", 200), ("/nothing", 404)):
                answer = await stage.get(path, Origin=origin)
                assert (status, origin) == (answer.status, answer.headers["Access-Control-Allow-Origin"])
                assert "x-request-id" in answer.headers["Access-Control-Expose-Headers"]
                assert "Origin" == answer.headers["Vary"]
        refused = await stage.send("OPTIONS", CHAT, headers=PREFLIGHT | {"Origin": "https://evil.example"})
        assert 403 == refused.status
        assert "Access-Control-Allow-Origin" not in refused.headers
        assert "server.origins" in refused.error["message"]
        plain = await stage.get("/v1/models")
        assert "Access-Control-Allow-Origin" not in plain.headers
        assert ("nosniff", "same-origin") == (
            plain.headers["X-Content-Type-Options"],
            plain.headers["Cross-Origin-Resource-Policy"],
        )
