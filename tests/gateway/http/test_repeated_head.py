"""What aiohttp's parser makes of requests is what is made of them where their heads were parsed before."""

import asyncio
import re
from collections.abc import Sequence

import pytest
from aiohttp import web
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hostd.gateway.http.connection import ClientConnection
from hostd.gateway.http.connections import Connections
from hostd.gateway.http.repeated_head import ReceivedBody
from tests.gateway.http.test_connection import Wire

HEAD = b"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nX-A: 1\r\n\r\n"
REQUESTS = (
    HEAD % 3 + b"abc",
    HEAD % 12 + b"abcdefghijkl",
    HEAD % 0,
    HEAD % 50
    + b"POST /v1/y HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n",  # less than was said: what follows is its end
    HEAD % 2 + b"abcd",
    HEAD.replace(b"X-A: 1", b"X-A: 2") % 3 + b"abc",
    HEAD.replace(b"Content-Length", b"content-LENGTH") % 4 + b"abcd",
    HEAD.replace(b"%d", b"+%d") % 3 + b"abc",
    HEAD.replace(b"%d", b"%d, 3") % 3 + b"abc",
    HEAD.replace(b"%d", b"0%d") % 3 + b"abc",
    HEAD.replace(b"X-A: 1", b"Content-Length: 3") % 3 + b"abc",
    HEAD.replace(b"X-A: 1", b"Connection: close") % 3 + b"abc",
    HEAD.replace(b"X-A: 1", b"Expect: 100-continue") % 3 + b"abc",
    HEAD.replace(b"X-A: 1", b"Upgrade: websocket\r\nConnection: upgrade") % 3 + b"abc",
    HEAD.replace(b"Content-Length: %d", b"Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n",
    HEAD.replace(b"X-A: 1", b"X-A: \xc3\xa4") % 3 + b"abc",
    b"GET /v1/z HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /v1/z HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
    b"\r\n\r\n",
    b"GARBAGE\r\n\r\n",
)


class ParsedConnection(ClientConnection):
    """Has each head parsed."""

    def _take_repeated(self, data: bytes) -> bool:  # noqa: ARG002
        return False


async def seen(connection: type[ClientConnection], pieces: Sequence[bytes]) -> tuple[list[object], bytes, bool]:
    """Return what a server has seen of requests that come in *pieces*, what it has sent, and whether the connection is closed."""
    requests: list[object] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(0)
        body = await request.read()
        told = sorted((name, text) for name, text in request.headers.items() if name.lower() != "content-length")
        requests.append((request.method, request.path, request.version, told, body))
        return web.Response(text=f"{len(body)} bytes")

    server = Connections(answer)
    wire = Wire(connection(server, loop=asyncio.get_running_loop()))
    try:
        for piece in pieces:
            if not wire.closed:
                await wire.send(piece)
                await wire.send(b"")
        closed, sent = wire.closed, re.sub(rb"(Date|x-request-id|request-id): [^\r]*", b"", wire.sent)
    finally:
        wire.close()
        await asyncio.sleep(0)
    return requests, sent, closed


def cut(data: bytes, at: Sequence[int]) -> list[bytes]:
    """Return *data* in pieces that end *at* these places."""
    ends = [*sorted({each for each in at if 0 < each < len(data)}), len(data)]
    return [data[begin:end] for begin, end in zip([0, *ends[:-1]], ends, strict=True)]


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(REQUESTS), st.lists(st.integers(1, 120), max_size=2)), min_size=2, max_size=6)
)
@example([(REQUESTS[0], []), (REQUESTS[1], []), (REQUESTS[0], [])])
# A head of which a part had come before would be taken for another one, and an end for a beginning.
@example([(REQUESTS[0], []), (REQUESTS[0] + b"GET /v1/z HTTP/1.1\r\nX-B: ", []), (REQUESTS[0], []), (REQUESTS[0], [])])
@example([(b"GET /v1/z HTTP/1.1\r\nX-B: ", []), (REQUESTS[0], []), (REQUESTS[0], [])])
@example([(HEAD % 200, []), (REQUESTS[0], []), (REQUESTS[0], []), (REQUESTS[0], []), (REQUESTS[0], [])])
def test_requests_are_the_same_as_parsed_ones(requests: list[tuple[bytes, list[int]]]) -> None:
    """Whatever their heads are, and wherever the reads end."""
    pieces = [piece for request, at in requests for piece in cut(request, at)]
    assert asyncio.run(seen(ClientConnection, pieces)) == asyncio.run(seen(ParsedConnection, pieces))


@pytest.mark.parametrize("request_text", [REQUESTS[0], REQUESTS[6]])
def test_a_repeated_head_is_not_parsed_again(request_text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the bodies are."""
    taken: list[bool] = []
    take = ClientConnection._take_repeated

    def noted(connection: ClientConnection, data: bytes) -> bool:
        found = take(connection, data)
        if data:
            taken.append(found)
        return found

    monkeypatch.setattr(ClientConnection, "_take_repeated", noted)
    longer = re.sub(rb"(?i)(content-length: )\d+", rb"\g<1>2000", request_text).partition(b"\r\n\r\n")[0]
    pieces = [request_text, request_text, longer + b"\r\n\r\n" + bytes(2000)]
    asyncio.run(seen(ClientConnection, pieces))
    assert taken == [True, True]


async def test_a_body_that_has_come_is_read_once() -> None:
    """As the bodies of aiohttp are."""
    body = ReceivedBody(b"abc")
    assert body.is_eof()
    assert body.total_raw_bytes == 3
    assert await body.readany() == b"abc"
    assert await body.read() == b""
