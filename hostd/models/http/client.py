"""HTTP GET for headers and files: ranges, redirects and credentials, on the standard library's client so that verbs start at once.

Theory of operation. A credential belongs to one origin (scheme, host, port) and is attached to requests to that origin only,
so that no redirect carries it away. Redirects are followed by hand, each checked: no circle, no step from https to http, and
none from a public host to a private address, which is looked at on the connected socket and before anything is sent. Bodies
are asked for unpacked and read up to a limit and a deadline, whatever the server says of their length.
"""

import http.client
import ipaddress
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import SplitResult, urljoin, urlsplit

from hostd.models.errors import HubUnreachable, ModelUnreadable
from hostd.models.http import response as answer
from hostd.models.http.proxies import Proxy, proxy_for
from hostd.models.http.response import BodyStream, ByteRange, HubResponse, place

PATIENCE = 10.0
"""Seconds that one step of a connection may take."""
DEADLINE = 90.0
"""Seconds that one request may take, its redirects and its body included."""
REDIRECTS = 5

_MOVED = frozenset({301, 302, 303, 307, 308})
_NEARLY = 4096
_PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Credential:
    """An `authorization` header, and the only origin that may see it."""

    origin: Origin
    value: str = field(repr=False)


@dataclass(slots=True)
class _Connection:
    connection: http.client.HTTPConnection
    private: bool
    proxy: Proxy | None


@dataclass(slots=True)
class _Request:
    """One request with its redirects; *from_public* once a public host was asked."""

    url: str
    headers: Mapping[str, str]
    until: float
    method: str = "GET"
    from_public: bool = False


def origin(url: str) -> Origin:
    """Return the scheme, host and port of *url*.

    Raises:
        Unreadable: It is no http or https address.
    """
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        scheme, host, port = "", None, None
    if scheme not in _PORTS or not host or not all("!" <= letter <= "~" for letter in url):
        raise ModelUnreadable(f"{url[:200]!r} is no address of a hub; it must begin with https:// and a host")
    return scheme, host, port or _PORTS[scheme]


class HubClient:
    """One visit to a hub: connections stay open between requests. Not for several threads at once.

    *ranges* counts the ranges that were asked for.
    """

    def __init__(
        self, credential: Credential | None = None, *, patience: float = PATIENCE, deadline: float = DEADLINE
    ) -> None:
        self._credential = credential
        self._patience = patience
        self._deadline = deadline
        self._lines: dict[Origin, _Connection] = {}
        self.ranges = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        for line in self._lines.values():
            line.connection.close()
        self._lines.clear()

    def document(self, url: str, limit: int, accept: str = "application/json") -> HubResponse:
        """Return the whole body at *url*, *limit* bytes long at most; raises as `span` does."""
        return self._visit(self._request(url, {"accept": accept}), ByteRange(0, limit, whole=True))

    def span(self, url: str, first: int, stop: int) -> HubResponse:
        """Return the bytes from *first* up to *stop* of the file at *url*, fewer if it ends before.

        Raises:
            NotThere: The hub has no such file.
            Unreachable: No answer, a broken one, or one that took too long.
            Unreadable: An answer that cannot be right, or a refusal.
        """
        self.ranges += 1
        return self._visit(self._request(url, {"range": f"bytes={first}-{stop - 1}"}), ByteRange(first, stop))

    @contextmanager
    def stream(self, url: str, first: int = 0, validator: str = "") -> Iterator[BodyStream]:
        """Ask for the file at *url* from byte *first* on, if *validator* still holds; raises as `span` does.

        The deadline is for each step of the connection: how long a whole file takes is not for this to say.
        """
        headers = {"range": f"bytes={first}-"} if first else {}
        response, where, _ = self._arrive(self._request(url, headers | ({"if-range": validator} if validator else {})))
        try:
            yield answer.begin(response, where, first)
        finally:
            self._drain(where, response)

    def facts(self, url: str) -> dict[str, str]:
        """Return the headers, in lower case, with which *url* itself answers, redirects not followed; raises as `span`."""
        request = self._request(url, {})
        request.method = "HEAD"
        response = self._ask(request, url)
        self._drain(url, response)
        if response.status not in _MOVED:
            answer.judge_status(response.status, response.headers, url)
        return _lower(response)

    def _request(self, url: str, headers: Mapping[str, str]) -> _Request:
        return _Request(url, headers, time.monotonic() + self._deadline)

    def _visit(self, request: _Request, want: ByteRange) -> HubResponse:
        response, url, facts = self._arrive(request)
        try:
            body, size = answer.read(response, url, want, request.until)
        finally:
            self._drain(url, response)
        return HubResponse(body, url, size, facts)

    def _arrive(self, request: _Request) -> tuple[http.client.HTTPResponse, str, dict[str, str]]:
        """Return the answer at the end of all redirects, where that was, and the headers met on the way."""
        url, seen, facts = request.url, {request.url}, dict[str, str]()
        while True:
            response = self._ask(request, url)
            facts = {**_lower(response), **facts}
            if response.status not in _MOVED:
                return response, url, facts
            self._drain(url, response)
            url = _next(url, response.headers.get("location"))
            if url in seen or len(seen) > REDIRECTS:
                raise ModelUnreadable(
                    f"{place(request.url)} redirects in a circle or more than {REDIRECTS} times; ask its owner"
                )
            seen.add(url)

    def _ask(self, request: _Request, url: str) -> http.client.HTTPResponse:
        where = origin(url)
        headers = {"accept-encoding": "identity", "user-agent": "hostd", **request.headers}
        if self._credential and self._credential.origin == where:
            headers["authorization"] = self._credential.value
        kept = where in self._lines
        try:
            line = self._line(request, url)
            target = _target(urlsplit(url))
            if line.proxy and where[0] == "http":
                headers, target = {**headers, **line.proxy.headers}, url.partition("#")[0]
            line.connection.request(request.method, target, headers=headers)
            return line.connection.getresponse()
        except TimeoutError as error:
            self._cut(where)
            raise HubUnreachable(f"{place(url)} did not answer within {self._patience:g} s; try again") from error
        except (OSError, http.client.HTTPException) as error:
            self._cut(where)
            if kept:  # a line that was kept open may have been closed at its other end: that says nothing yet
                return self._ask(request, url)
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise HubUnreachable(f"{place(url)} cannot be reached ({why}); is this machine online?") from error

    def _line(self, request: _Request, url: str) -> _Connection:
        scheme, host, port = where = origin(url)
        line = self._lines.get(where)
        if line is None:
            proxy = proxy_for(scheme, host, os.environ)
            kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
            connection = kind(proxy.host if proxy else host, proxy.port if proxy else port, timeout=self._patience)
            if proxy and scheme == "https":
                connection.set_tunnel(host, port, dict(proxy.headers))
            connection.connect()
            connection.auto_open = 0
            # Behind a proxy it is the proxy that looks up the name, and the owner who says where it may lead.
            line = self._lines[where] = _Connection(connection, proxy is None and is_private(connection.sock), proxy)
        if line.private and request.from_public:
            raise ModelUnreadable(
                f"a public hub redirects to {place(url)}, which is a private address; that is not followed"
            )
        request.from_public = not line.private
        return line

    def _cut(self, where: Origin) -> None:
        if line := self._lines.pop(where, None):
            line.connection.close()

    def _drain(self, url: str, response: http.client.HTTPResponse) -> None:
        """Keep the line for the next request if its answer was read to the end or is nearly; else cut it."""
        if not response.isclosed() and response.length is not None and response.length <= _NEARLY:
            with suppress(OSError, http.client.HTTPException):
                response.read()
        if response.will_close or not response.isclosed():
            self._cut(origin(url))


def is_private(connected: socket.socket) -> bool:
    """Return whether the other end of a socket is not on the public internet."""
    return not ipaddress.ip_address(connected.getpeername()[0].partition("%")[0]).is_global


def _next(url: str, location: str | None) -> str:
    if not location:
        raise ModelUnreadable(f"{place(url)} redirects to nowhere; ask its owner")
    try:
        target = urljoin(url, location)
    except ValueError:
        target = location
    if origin(url)[0] == "https" and origin(target)[0] != "https":
        raise ModelUnreadable(f"{place(url)} redirects from https to http; that is not followed")
    return target


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _lower(response: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}
