"""Encrypted connections through a proxy of the environment: it is told the server's host and port, and sees nothing else.

``HTTPS_PROXY`` names the proxy and ``NO_PROXY`` the hosts that need none, as other programs read them.
"""

import asyncio
import base64
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast
from urllib import request as urllib_request
from urllib.parse import unquote, urlsplit

from hostd.backends.http.connection import HttpConnection
from hostd.backends.http.errors import ConnectError
from hostd.domain.locality import is_loopback

_LARGEST_HEAD = 16 * 1024


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that forwards connections by CONNECT (RFC 9110, section 9.3.6)."""

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)


def proxy_for(url: str) -> Proxy | None:
    """Return the proxy by which the environment wants *url* to be reached; None for none, and for servers of this machine.

    Raises:
        ValueError: It is of a kind that is not supported; the message shows no password.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    named = urllib_request.getproxies_environment().get(parts.scheme)
    if parts.scheme != "https" or not named or is_loopback(url):
        return None
    if urllib_request.proxy_bypass_environment(host):  # type: ignore[attr-defined]  # in every Python, not in its stubs
        return None
    proxy = urlsplit(named if "://" in named else f"http://{named}")
    try:
        port = proxy.port or 80
    except ValueError:
        # The error's own words would show a part of the address, and a password with a slash in it is taken for a port.
        port = 0
    if proxy.scheme != "http" or not proxy.hostname or not port:
        raise ValueError("the proxy in HTTPS_PROXY is not used: it has to be an http:// address")
    authorization = None
    if proxy.username is not None:
        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return Proxy(proxy.hostname, port, authorization)


async def connect_through(
    proxy: Proxy, made: Callable[[], HttpConnection], host: str, port: int, tls: ssl.SSLContext
) -> HttpConnection:
    """Return a connection to *host* that is encrypted from end to end.

    Raises:
        ConnectError: The proxy does not forward it.
        OSError: The proxy cannot be reached, or the server is not whom it says.
    """
    loop = asyncio.get_running_loop()
    transport, answer = await loop.create_connection(_ConnectAnswer, proxy.host, proxy.port)
    try:
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {where} HTTP/1.1", f"Host: {where}"]
        if proxy.authorization is not None:
            lines.append(f"Proxy-Authorization: {proxy.authorization}")
        transport.write("\r\n".join([*lines, "", ""]).encode())
        status = await answer.status
        connection = made()
        encrypted = None
        if 200 <= status < 300:
            encrypted = await loop.start_tls(transport, connection, tls, server_hostname=host)
    except BaseException:
        transport.abort()
        raise
    if encrypted is None:
        transport.abort()
        raise ConnectError(f"the proxy {proxy.host}:{proxy.port} forwards nothing there (status {status})")
    connection.connection_made(encrypted)
    return connection


class _ConnectAnswer(asyncio.Protocol):
    """Reads the head of the proxy's answer, after which the server's own bytes follow, once it has been sent some."""

    def __init__(self) -> None:
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take the head to its end."""
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if self.status.done() or (not end and len(self._head) <= _LARGEST_HEAD):
            return
        words = head.split(b"\r\n", 1)[0].split()
        if not end or rest or len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
            self._fail("it is no proxy")
            return
        # Nothing is read until the encryption has begun, which takes the bytes from then on.
        self._transport.pause_reading()
        self.status.set_result(int(words[1]))

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - whatever the cause
        """Fail whoever waits."""
        self._fail("it closed the connection")

    def _fail(self, why: str) -> None:
        if not self.status.done():
            self.status.set_exception(ConnectError(f"the proxy does not answer: {why}"))
