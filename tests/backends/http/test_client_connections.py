"""Requests over real connections: which are kept, which are sent twice, and what a client that is closed leaves behind."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from hostd.backends.http import client as module
from hostd.backends.http.errors import AnswerError, ConnectError, ConnectionLostError
from tests.http_client import client
from tests.stage import until

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """What a server of this test was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.connections = 0
        self.heads: list[bytes] = []


Serve = Callable[[Server, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def request(server: Server, reader: asyncio.StreamReader) -> bytes:
    """Read one request; return its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    server.heads.append(head)
    length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return await reader.readexactly(int(length[0].split(b":")[1])) if length else b""


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[Server]:
    """Run a server whose connections *serve* handles."""
    told = Server()
    writers: list[asyncio.StreamWriter] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told.connections += 1
        writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await serve(told, reader, writer)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    told.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield told
    finally:
        server.close()
        for writer in writers:
            writer.close()


async def answering(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each request of one connection."""
    while True:
        await request(server, reader)
        writer.write(OK)


async def test_a_connection_is_used_again_and_closed_when_it_has_been_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second request makes none; after a while there is none left to be closed by the server just as it is used."""
    monkeypatch.setattr(module, "KEEP_CONNECTIONS", 0.05)
    async with serving(answering) as server, client() as http:
        for _ in range(3):
            assert {} == await http.document(server.url + "/x y?q=1#f", {"Key": "k"})
        assert (1, 1) == (server.connections, http.idle_connections)
        assert server.heads[0].startswith(b"GET /x%20y?q=1 HTTP/1.1\r\n")
        assert b"\r\nHost: " + server.url.removeprefix("http://").encode() + b"\r\n" in server.heads[0]
        await until(lambda: not http.idle_connections)


async def test_a_request_on_a_stale_connection_is_sent_once_more() -> None:
    """The server closes a connection that it promised to keep: one more try on a new connection, and not two."""

    async def once(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(server, reader)
        if server.connections < 3:
            writer.write(OK)
            await request(server, reader)

    async with serving(once) as server, client() as http:
        assert 200 == (await http.ask(server.url, {})).status
        assert 200 == (await http.ask(server.url, {})).status
        assert (2, 3) == (server.connections, len(server.heads))
        with pytest.raises(ConnectionLostError):
            await http.ask(server.url, {})
        assert (3, 5) == (server.connections, len(server.heads))


async def test_an_answer_that_has_begun_is_not_asked_for_again() -> None:
    """One byte of an answer says that the request was read."""

    async def half(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(server, reader)
        writer.write(OK)
        await request(server, reader)
        writer.write(b"H")

    async with serving(half) as server, client() as http:
        await http.ask(server.url, {})
        with pytest.raises(ConnectionLostError) as caught:
            await http.ask(server.url, {})
        assert (False, 2) == (caught.value.stale, len(server.heads))


async def test_a_connection_with_half_a_request_is_not_used_again() -> None:
    """A server may refuse a long body before it has read it; the next request would be taken for the rest of that body."""

    async def refuse(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK.replace(b"200 OK", b"413 Too Large"))
        await asyncio.sleep(30)

    async with serving(refuse) as server, client() as http:
        response = await http.send("POST", server.url, {}, bytes(64 << 20))
        assert (413, b"{}") == (response.status, await response.read())
        assert 0 == http.idle_connections


async def test_a_server_that_closes_at_once_is_an_error_and_no_wait() -> None:
    """Whichever comes first, the connection's end or the request."""

    async def close(_server: Server, _reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        return

    async with serving(close) as server, client() as http:
        for _ in range(20):
            with pytest.raises(ConnectionLostError):
                await http.ask(server.url, {}, seconds=20)


async def test_nothing_listens_or_can_be_called_so() -> None:
    """Both are errors of this client's own."""
    async with client() as http:
        for url in ("http://127.0.0.1:1/", f"http://{'x' * 70}.invalid/"):
            with pytest.raises(ConnectError):
                await http.ask(url, {})


@pytest.mark.parametrize("body", [b"[" * 100_000, b"{", b"\xff\xfe", b"", b"nonsense"])
async def test_a_document_that_is_none_is_nothing(body: bytes) -> None:
    """Too deep, cut off, in no encoding: the health of hostd does not depend on what a server says."""

    async def say(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(server, reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async with serving(say) as server, client() as http:
        assert await http.document(server.url, {}) is None
        with pytest.raises(AnswerError):
            (await http.ask(server.url, {})).json()


async def test_a_client_that_is_closed_fails_what_is_read_and_makes_no_more() -> None:
    """Also what is just being connected, with TLS to a server that never gets on with it."""

    async def stall(_server: Server, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(stall) as server, client() as http:
        waiting = [
            asyncio.create_task(http.ask(url, {})) for url in (server.url, server.url.replace("http:", "https:"))
        ]
        await until(lambda: server.connections == 2)
        http.close()
        with pytest.raises(ConnectionLostError):
            await waiting[0]
        waiting[1].cancel()
        with pytest.raises(ConnectError):
            await http.ask(server.url, {})
