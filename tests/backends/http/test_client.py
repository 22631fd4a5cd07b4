"""A client of a real server on loopback: connections kept and proved, limits, small requests."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from hostd.backends.http import client as module
from hostd.backends.http.client import HttpClient
from hostd.backends.http.connection import PORTION
from hostd.backends.http.errors import AnswerError, ConnectError, ConnectionLostError, ExchangeError, NoAnswerError
from tests.http_client import client

Answers = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def server(answer: Answers, socket: Path | None = None) -> AsyncIterator[str]:
    """Run a server that gives *answer*; yield its url."""
    runner = web.ServerRunner(web.Server(answer, handler_cancellation=True))
    await runner.setup()
    if socket is None:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
    else:
        await web.UnixSite(runner, str(socket)).start()
    try:
        yield "http://localhost" if socket else f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def echo(request: web.BaseRequest) -> web.Response:
    """Say what was asked."""
    body = await request.read()
    said = {"path": request.raw_path, "method": request.method, "size": len(body), "headers": dict(request.headers)}
    return web.json_response(said)


async def test_a_connection_is_used_again() -> None:
    """Requests one after another need one; two at once need two; a fresh one is made when asked for."""
    async with server(echo) as url, client() as http:
        for _ in range(3):
            assert 200 == (await http.ask(url, {})).status
        assert 1 == http.idle_connections
        await asyncio.gather(http.ask(url, {}), http.ask(url, {}))
        assert 2 == http.idle_connections
        response = await http.send("GET", url, {}, fresh=True)
        await response.read()
        assert 3 == http.idle_connections


async def test_what_is_sent() -> None:
    """Method, path, host, body and headers; credentials of the url become a header, and nothing is added that asks for packing."""
    async with server(echo) as url, client() as http:
        said = (await http.ask(url.replace("//", "//me:p%40ss@") + "/a b?x=1", {"X-Y": "z"}, {"a": 1})).json()
        assert ("/a%20b?x=1", "POST", 8) == (said["path"], said["method"], said["size"])
        headers = said["headers"]
        assert ("z", "application/json", "Basic bWU6cEBzcw==") == (
            headers["X-Y"],
            headers["Content-Type"],
            headers["Authorization"],
        )
        assert "Accept-Encoding" not in headers
        with pytest.raises(ValueError, match="end of a line"):
            await http.ask(url, {"X": "a\r\nY: b"})
        with pytest.raises(ValueError, match="no http address"):
            await http.ask("ftp://h/", {})


async def test_headers_of_one_request_are_sent_with_the_head_that_all_share() -> None:
    """They come along with each request, take no place among the heads that are kept, and cannot end a line."""
    async with server(echo) as url, client() as http:
        for number in ("1", "2"):
            response = await http.send("POST", url, {"X-Y": "z"}, b"{}", own={"traceparent": number})
            headers = json.loads(await response.read())["headers"]
            assert (number, "z", "2") == (headers["traceparent"], headers["X-Y"], headers["Content-Length"])
        assert 1 == len(http._destinations)
        with pytest.raises(ValueError, match="end of a line"):
            await http.send("GET", url, {}, own={"X": "a\r\nY: b"})


@pytest.mark.parametrize("size", [0, PORTION, 40 * PORTION + 1])
async def test_a_body_of_any_size_arrives(size: int) -> None:
    """In one write, or in portions between which others have their turn."""
    async with server(_counted) as url, client() as http:
        response = await http.send("POST", url, {}, b"x" * size)
        assert str(size).encode() == await response.read()


async def _counted(request: web.BaseRequest) -> web.Response:
    size = 0
    async for data in request.content.iter_any():
        size += len(data)
    return web.Response(text=str(size))


async def test_an_answer_before_the_end_of_the_body_is_taken() -> None:
    """A server that refuses a large body early is heard, and its connection is not used again."""

    async def refuse(request: web.BaseRequest) -> web.Response:
        return web.Response(status=413, text="too large", headers={"Connection": "close"})

    async with server(refuse) as url, client() as http:
        response = await http.send("POST", url, {}, bytes(400 * PORTION))
        assert (413, b"too large") == (response.status, await response.read())
        assert 0 == http.idle_connections


@pytest.mark.parametrize(
    ("pieces", "ends"),
    [
        ([b"whole"], b"whole"),
        ([b"a" * 5000], b"a" * 8192),
        ([b"first", *(str(number).encode() for number in range(6))], b"first2345"),
    ],
    ids=["short", "long", "stream"],
)
async def test_ends_of_an_answer_are_kept(pieces: list[bytes], ends: bytes) -> None:
    """What engines tell of their work stands in them: in one piece, or in the first and the last ones of a stream."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            # Each arrives by itself.
            await asyncio.sleep(0.01)
        return response

    async with server(answer) as url, client() as http:
        response = await http.send("GET", url, {})
        assert b"".join(pieces) == await response.read()
        assert ends == response.ends


async def test_a_connection_that_went_stale_is_told() -> None:
    """A small request tries again by itself."""
    closing: list[asyncio.Transport] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        assert request.transport is not None
        closing.append(request.transport)
        return web.Response()

    async with server(answer) as url, client() as http:
        await http.ask(url, {})
        closing[0].close()
        with pytest.raises(ConnectionLostError) as lost:
            await http.send("GET", url, {})
        assert lost.value.stale
        await http.ask(url, {})
        closing[-1].close()
        assert 200 == (await http.ask(url, {})).status


async def test_small_requests_have_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """In seconds and in bytes; what is no document is None."""

    async def answer(request: web.BaseRequest) -> web.Response:
        if request.path == "/slow":
            await asyncio.sleep(60)
        return web.Response(body=b"[" * 100_000 if request.path == "/deep" else bytes(2000))

    async with server(answer) as url, client() as http:
        with pytest.raises(NoAnswerError, match=r"/slow within 0\.05 s"):
            await http.ask(f"{url}/slow", {}, seconds=0.05)
        with pytest.raises(AnswerError, match="longer than 1000 bytes"):
            await http.ask(url, {}, limit=1000)
        assert await http.document(url, {}) is None
        assert await http.document(f"{url}/deep", {}) is None
        monkeypatch.setattr(module, "CONNECT", 0.01)
        # A connection that is really given up while it is made is left half open in the server, to be found by a later test.
        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", lambda *_, **__: asyncio.Event().wait())
        async with client() as late:
            with pytest.raises(ConnectError, match="accepts no connection"):
                await late.ask(url, {}, seconds=5)


async def test_a_redirect_is_an_answer() -> None:
    """R10, GHSA-3mj3-57v2-4636 (a redirect took `x-api-key` and the prompt to another host): nothing is sent where it points to."""

    async def redirect(_request: web.BaseRequest) -> web.Response:
        return web.Response(status=307, headers={"Location": "http://127.0.0.1:1/there"})

    async with server(redirect) as url, client() as http:
        response = await http.send("POST", url, {}, b"secret")
        assert (307, "http://127.0.0.1:1/there") == (response.status, response.text(b"location"))
        response.close()


async def test_closing_fails_what_is_still_read() -> None:
    """And makes no new connections."""

    async def stream(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"a")
        await asyncio.sleep(60)
        return response

    async with server(stream) as url, client() as http:
        response = await http.send("GET", url, {})
        assert b"a" == await response.some()
        reading = asyncio.create_task(response.some())
        await asyncio.sleep(0)
        http.close()
        with pytest.raises(ConnectionLostError, match="the engine was stopped"):
            await reading
        with pytest.raises(ConnectError):
            await http.ask(url, {})


async def test_over_a_unix_socket(tmp_path: Path) -> None:
    """Whatever host the url names; a socket that is not there cannot be reached."""
    async with server(echo, tmp_path / "s") as url:
        http = HttpClient(str(tmp_path / "s"))
        assert "/v1/models" == (await http.ask(f"{url}/v1/models", {})).json()["path"]
        http.close()
    http = HttpClient(str(tmp_path / "t"))
    with pytest.raises(ConnectError, match="no connection can be made"):
        await http.ask("http://localhost/", {})


async def test_each_new_connection_is_proved_before_anything_is_sent() -> None:
    """One that is kept needs no second proof; one that fails it carries nothing."""
    heard: list[str] = []
    held, asked = True, 0

    async def answer(request: web.BaseRequest) -> web.Response:
        heard.append(request.path)
        return web.Response()

    def is_held() -> bool:
        nonlocal asked
        asked += 1
        return held

    async with server(answer) as url:
        http = HttpClient(held=is_held)
        for path in ("/1", "/2"):
            await http.ask(url + path, {})
        assert (["/1", "/2"], 1) == (heard, asked)
        http.close()
        held = False
        http = HttpClient(held=is_held)
        with pytest.raises(ExchangeError, match="no longer listens"):
            await http.ask(f"{url}/3", {})
        http.close()
        # The server takes connections in order, so it has seen the one that carried nothing.
        async with client() as other:
            await other.ask(f"{url}/4", {})
    assert ["/1", "/2", "/4"] == heard
