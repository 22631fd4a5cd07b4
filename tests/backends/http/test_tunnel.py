"""Connections through a proxy: encrypted from end to end, and only where the environment wants one."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from hostd.backends.http.client import HttpClient
from hostd.backends.http.errors import ConnectError
from hostd.backends.http.tunnel import Proxy, proxy_for

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
TLS = Path(__file__).parents[2] / "data" / "tls"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "NO_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("http://proxy.example:3128", Proxy("proxy.example", 3128)),
        ("proxy.example:3128", Proxy("proxy.example", 3128)),
        ("http://proxy.example/", Proxy("proxy.example", 80)),
        ("http://me:p%40ss@[::1]:8080", Proxy("::1", 8080, "Basic " + base64.b64encode(b"me:p@ss").decode())),
        ("", None),
    ],
)
def test_the_environment_names_it(monkeypatch: pytest.MonkeyPatch, named: str, found: Proxy | None) -> None:
    """With its password, which is not shown."""
    monkeypatch.setenv("HTTPS_PROXY", named)
    assert found == proxy_for("https://api.example/v1")
    assert "Basic" not in repr(found)


@pytest.mark.parametrize(
    "url", ["https://localhost/v1", "https://127.0.0.1:8443", "https://a.inside.example/v1", "http://api.example"]
)
def test_not_every_server_needs_it(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Those of this machine never do, nor those that NO_PROXY names, nor what is not encrypted."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example")
    assert proxy_for(url) is None


@pytest.mark.parametrize(
    "named", ["socks5://me:secret@proxy.example", "https://me:secret@proxy.example", "http://me:secret/x@p:1"]
)
def test_other_kinds_are_refused(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    """Rather than gone around; the password is in no message."""
    monkeypatch.setenv("HTTPS_PROXY", named)
    with pytest.raises(ValueError, match="http://") as refused:
        proxy_for("https://api.example")
    assert "secret" not in str(refused.value)


@asynccontextmanager
async def listening(handle: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Have *handle* serve connections to a port; those that are left are over when this ends."""
    writers: list[asyncio.StreamWriter] = []
    tasks: list[asyncio.Task[None]] = []

    async def tracked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        writers.append(writer)
        with suppress(OSError):
            await handle(reader, writer)

    async with await asyncio.start_server(tracked, "127.0.0.1", 0, ssl=tls) as serving:
        yield serving.sockets[0].getsockname()[1]
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*tasks)
        # A transport tells its protocol of its end, and lets go of its socket, in the next turns of the loop.
        for _ in range(5):
            await asyncio.sleep(0)


@asynccontextmanager
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """Serve one short answer to each request, over TLS."""
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "localhost.pem")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (await reader.readline()).strip():
            pass
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with listening(answer, context) as port:
        yield port


class Forwarder:
    """A proxy that keeps what it is told and the first bytes that it forwards; *answer* is what it says."""

    def __init__(self, answer: bytes = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n") -> None:
        self.answer = answer
        self.told: list[bytes] = []
        self.forwarded = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection."""
        while line := (await reader.readline()).strip():
            self.told.append(line)
        writer.write(self.answer)
        if b" 200 " in self.answer.split(b"\r\n")[0]:
            port = int(self.told[0].split()[1].rpartition(b":")[2])
            there, back = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(self._copy(reader, back), self._copy(there, writer))
        await self._end(writer)

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                self.forwarded += data
                target.write(data)
        await self._end(target)

    async def _end(self, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            writer.close()
            await writer.wait_closed()


@asynccontextmanager
async def proxied(forwarder: Forwarder, authorization: str | None = None) -> AsyncIterator[HttpClient]:
    """Run *forwarder*; yield a client that goes through it."""
    async with listening(forwarder.serve) as port:
        client = HttpClient(proxy=Proxy("127.0.0.1", port, authorization))
        yield client
        client.close()


async def test_the_proxy_sees_the_address_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key, the path and the answer are encrypted for the server, whose certificate is checked."""
    forwarder = Forwarder()
    async with server(monkeypatch) as port, proxied(forwarder, "Basic eA==") as client:
        reply = await client.ask(f"https://localhost:{port}/hidden", {"Authorization": "Bearer sk-hidden"})
        assert (200, b"hello") == (reply.status, reply.body)
        assert [
            f"CONNECT localhost:{port} HTTP/1.1".encode(),
            f"Host: localhost:{port}".encode(),
            b"Proxy-Authorization: Basic eA==",
        ] == forwarder.told
        assert forwarder.forwarded
        assert b"hidden" not in forwarder.forwarded
        assert b"hello" not in forwarder.forwarded


async def test_another_servers_certificate_is_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy cannot pass itself off as the server."""
    async with server(monkeypatch) as port, proxied(Forwarder()) as client:
        with pytest.raises(ConnectError):
            await client.ask(f"https://other.example:{port}/", {})


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"",
        b"HTTP/1.1 x\r\n\r\n",
        b"x" * 20_000,
    ],
)
async def test_a_proxy_that_does_not_forward(answer: bytes) -> None:
    """Is no connection, whatever it says."""
    async with proxied(Forwarder(answer)) as client:
        with pytest.raises(ConnectError, match="proxy"):
            await client.ask("https://localhost:1/", {})
