"""A client of one server: connections that are kept for the next request, and small requests that are answered whole."""

import asyncio
import base64
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from hostd.backends.http.connection import PORTION, HttpConnection
from hostd.backends.http.errors import AnswerError, ConnectError, ConnectionLostError, ExchangeError, NoAnswerError
from hostd.backends.http.response import Response
from hostd.backends.http.tunnel import Proxy, connect_through
from hostd.dialects.json_text import JsonError, parse_json

KEEP_CONNECTIONS = 3.0
"""Seconds that an idle connection is kept: fewer than the five after which llama-server closes it, so that a request rarely meets
a connection that is just being closed."""
CONNECT = 5.0
"""Seconds to make a connection, TLS included."""
ASKING = 10.0
"""Seconds that a small request may take where nothing else is said."""
LARGEST_DOCUMENT = 4 << 20
"""Bytes of a small request's answer: metrics and lists of models are the longest."""

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_SAFE = "/%?&=:+,;@!$'()*~[]-._"


@dataclass(frozen=True, slots=True)
class _Destination:
    """Where a url leads: host, port and whether it is encrypted, which tell its connections apart, and the head's lines."""

    origin: tuple[str, int, bool]
    lines: bytes


@dataclass(frozen=True, slots=True)
class HttpReply:
    """The answer to a small request, whole."""

    status: int
    content_type: str
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body as a document.

        Raises:
            AnswerError: It is none.
        """
        try:
            return parse_json(self.body)
        except JsonError as error:
            raise AnswerError(f"its answer cannot be read: {error}") from None


class HttpClient:
    """Requests to one server. With a *socket*, all go to that unix socket, whatever host the url names.

    *held* is asked after each new connection, before anything is sent: if the engine has held its port until now, it is the engine
    that was reached.

    *proxy* is one that encrypted connections go through. No redirect is followed, no cookie kept; nothing limits how many
    connections there are, since the scheduler limits requests by slots, and a limit here would queue them where no time limit sees
    them.
    """

    def __init__(
        self, socket: str | None = None, held: Callable[[], bool] | None = None, proxy: Proxy | None = None
    ) -> None:
        self.closed = False
        self._proxy = proxy
        self._held = held
        self._socket = socket
        self._idle: dict[tuple[str, int, bool], list[HttpConnection]] = {}
        self._open: set[HttpConnection] = set()
        self._destinations: dict[tuple[str, str, tuple[tuple[str, str], ...]], _Destination] = {}
        self._tls: ssl.SSLContext | None = None
        self._sweeping: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<HttpClient {'closed' if self.closed else f'{self.idle_connections} idle connections'}>"

    @property
    def idle_connections(self) -> int:
        """How many connections wait for another request."""
        return sum(connection.is_open for kept in self._idle.values() for connection in kept)

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        own: Mapping[str, str] = _NO_HEADERS,
        fresh: bool = False,
    ) -> Response:
        """Send a request; return its response once status and headers have come.

        *own* headers are those that no other request has: the head of *headers* is made once for all that share it. *fresh* uses
        no connection that was kept. The response has to be read to its end, or closed.

        Raises:
            ExchangeError: There is no answer.
            ValueError: The url or a header cannot be sent.
        """
        destination = self._destination(method, url, headers)
        lines = destination.lines + _lines_of(own) if own else destination.lines
        connection = None if fresh else self._kept(destination)
        if connection is None:
            connection = await self._connect(destination)
        if not connection.is_open:
            raise ConnectionLostError("it closed the connection at once")
        head = b"%bContent-Length: %d\r\n\r\n" % (lines, len(body)) if body else lines + b"\r\n"
        response = connection.exchange(head, body)
        try:
            if len(body) > PORTION:
                await connection.send_rest(body)
            await response.head()
        except BaseException:
            response.close()
            raise
        return response

    async def ask(
        self,
        url: str,
        headers: Mapping[str, str],
        document: object = None,
        *,
        method: str | None = None,
        seconds: float | None = ASKING,
        limit: int = LARGEST_DOCUMENT,
    ) -> HttpReply:
        """Return the answer to a small request: GET, or POST with a *document*.

        Raises:
            ExchangeError: There is none of at most *limit* bytes within *seconds*.
        """
        body = b"" if document is None else json.dumps(document).encode()
        method = method or ("GET" if document is None else "POST")
        if body:
            headers = {"Content-Type": "application/json", **headers}
        response: Response | None = None
        try:
            async with asyncio.timeout(seconds):
                try:
                    response = await self.send(method, url, headers, body)
                except ConnectionLostError as error:
                    if not error.stale:
                        raise
                    response = await self.send(method, url, headers, body, fresh=True)
                return HttpReply(response.status, response.content_type, await response.read(limit))
        except TimeoutError:
            raise NoAnswerError(f"it does not answer {urlsplit(url).path} within {seconds:g} s") from None
        finally:
            if response is not None:
                response.close()

    async def document(
        self, url: str, headers: Mapping[str, str], document: object = None, *, seconds: float = ASKING
    ) -> Any:
        """Return the JSON of an answer of status 200; None where there is none, for whatever reason."""
        try:
            answer = await self.ask(url, headers, document, seconds=seconds)
            return answer.json() if answer.status == 200 else None
        except ExchangeError:
            return None

    def close(self) -> None:
        """Close all connections, failing the responses that are still read, and make no new ones."""
        self.closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._idle.clear()
        for connection in list(self._open):
            connection.break_off("the engine was stopped")

    def _kept(self, destination: _Destination) -> HttpConnection | None:
        kept = self._idle.get(destination.origin)
        if not kept:
            return None
        oldest = asyncio.get_running_loop().time() - KEEP_CONNECTIONS
        while kept:
            connection = kept.pop()
            # The one used last: the others may have become too old, and the sweep closes them.
            if connection.is_open and connection.idle_since > oldest:
                return connection
            connection.abort()
        return None

    async def _connect(self, destination: _Destination) -> HttpConnection:
        if self.closed:
            raise ConnectError("the engine is being stopped")
        loop = asyncio.get_running_loop()
        kept = self._idle.setdefault(destination.origin, [])

        def idle(connection: HttpConnection) -> None:
            if self.closed:
                connection.abort()
                return
            connection.idle_since = loop.time()
            kept.append(connection)
            if self._sweeping is None:
                self._sweeping = loop.call_later(KEEP_CONNECTIONS, self._sweep)

        def made() -> HttpConnection:
            return HttpConnection(idle, self._open.discard)

        host, port, secure = destination.origin
        tls = self._context() if secure else None
        name = host if secure else None
        try:
            async with asyncio.timeout(CONNECT):
                if self._proxy is not None and tls is not None:
                    connection = await connect_through(self._proxy, made, host, port, tls)
                elif self._socket is None:
                    _, connection = await loop.create_connection(made, host, port, ssl=tls)
                else:
                    _, connection = await loop.create_unix_connection(made, self._socket, ssl=tls, server_hostname=name)
        except TimeoutError:
            raise ConnectError(f"it accepts no connection within {CONNECT:g} s") from None
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise ConnectError(f"no connection can be made ({why})") from None
        except UnicodeError:
            raise ConnectError(f"no host can be called {host[:100]!r}") from None
        if self.closed:
            connection.abort()
            raise ConnectError("the engine is being stopped")
        if self._held is not None and not self._held():
            connection.abort()
            raise ConnectError("the engine no longer listens on its port")
        # Not before: with TLS, a connection that is given up while it is made is never told that it is lost.
        if connection.is_open:
            self._open.add(connection)
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    def _sweep(self) -> None:
        """Close what has been idle for too long; look again while there is something."""
        loop = asyncio.get_running_loop()
        now, self._sweeping = loop.time(), None
        for kept in self._idle.values():
            while kept and (not kept[0].is_open or kept[0].idle_since <= now - KEEP_CONNECTIONS):
                kept.pop(0).abort()
        if any(self._idle.values()):
            self._sweeping = loop.call_later(KEEP_CONNECTIONS, self._sweep)

    def _destination(self, method: str, url: str, headers: Mapping[str, str]) -> _Destination:
        key = (method, url, tuple(headers.items()))
        destination = self._destinations.get(key)
        if destination is None:
            if len(self._destinations) > 64:
                self._destinations.clear()
            destination = self._destinations[key] = _destination(method, url, headers)
        return destination


def _destination(method: str, url: str, headers: Mapping[str, str]) -> _Destination:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url[:200]!r} is no http address")
    secure = parts.scheme == "https"
    path = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "")
    sent = {"Host": parts.netloc.rpartition("@")[2], "Accept": "*/*"}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        sent["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    host = parts.hostname
    origin = (host, parts.port or (443 if secure else 80), secure)
    return _Destination(origin, f"{method} {path} HTTP/1.1\r\n".encode() + _lines_of(sent | dict(headers)))


def _lines_of(headers: Mapping[str, str]) -> bytes:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if "\0" in lines or lines.count("\r") + lines.count("\n") != 2 * len(headers):
        raise ValueError("a header must not contain the end of a line")
    return lines.encode()
