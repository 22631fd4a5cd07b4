"""HTTP GET at model hubs: byte ranges, redirects and credentials, on aiohttp.

Theory of operation. A credential belongs to one origin (scheme, host, port) and is attached to requests to that origin only, so
that no redirect carries it away; what began encrypted does not go on in the open. Bodies are asked for unpacked and read up to a
limit and a deadline, whatever the server says of their length. Headers are read by verbs and in threads of the daemon, so each
client has an event loop of its own, which runs while one of its methods does; aiohttp is imported with the first request, for
most verbs never make one.
"""

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from hostd.domain.units import format_bytes
from hostd.models.errors import HubUnreachable, ModelUnreadable
from hostd.models.http.response import ByteRange, HubResponse, body_limit, check_status, shown_url

if TYPE_CHECKING:
    import asyncio

    import aiohttp

PATIENCE = 10.0
"""Seconds that one step of a connection may take."""
DEADLINE = 90.0
"""Seconds that one request may take, its redirects and its body included."""
REDIRECTS = 6

_BLOCK = 1 << 18
_PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Credential:
    """An `authorization` header, and the only origin that may see it."""

    origin: Origin
    value: str = field(repr=False)


def origin(url: str) -> Origin:
    """Return the scheme, host and port of *url*.

    Raises:
        ModelUnreadable: It is no http or https address.
    """
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        scheme, host, port = "", None, None
    if scheme not in _PORTS or not host or not all("!" <= letter <= "~" for letter in url):
        raise ModelUnreadable(f"{url[:200]!r} is no address of a hub; it must begin with https:// and a host")
    return scheme, host, port or _PORTS[scheme]


def is_loopback(host: str) -> bool:
    """Return whether *host* is this machine by its name alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_private(host: str) -> bool:
    """Return whether *host* is an address that only machines of one network, or this one alone, can reach."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False


def refuse_link_local(address: str) -> None:
    """Raise for a link-local *address*: no hub is there, but what tells a cloud machine its secrets is.

    Raises:
        ModelUnreadable: It is one.
    """
    if ipaddress.ip_address(address.partition("%")[0]).is_link_local:
        raise ModelUnreadable(f"{address} is a link-local address, where no hub is; that is not followed")


class HubClient:
    """GET requests to a hub over kept connections; not for several threads at once.

    *ranges* counts the ranges that were asked for.
    """

    def __init__(
        self, credential: Credential | None = None, *, patience: float = PATIENCE, deadline: float = DEADLINE
    ) -> None:
        self._credential = credential
        self._patience = patience
        self._deadline = deadline
        self._runner: asyncio.Runner | None = None
        self._session: aiohttp.ClientSession | None = None
        self._scheme = ""
        self.ranges = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        if self._runner is not None:
            if self._session is not None:
                self._runner.run(self._session.close())
            self._runner.close()
        self._runner = self._session = None

    def document(self, url: str, limit: int, accept: str = "application/json") -> HubResponse:
        """Return the whole body at *url*, *limit* bytes long at most; raises as `span` does."""
        return self._run(url, {"accept": accept}, ByteRange(0, limit, whole=True))

    def span(self, url: str, first: int, stop: int) -> HubResponse:
        """Return the bytes from *first* up to *stop* of the file at *url*, fewer if it ends before.

        Raises:
            ModelNotFound: The hub has no such file.
            HubUnreachable: No answer, a broken one, or one that took too long.
            ModelUnreadable: An answer that cannot be right, or a refusal.
        """
        self.ranges += 1
        return self._run(url, {"range": f"bytes={first}-{stop - 1}"}, ByteRange(first, stop))

    def head(self, url: str) -> Mapping[str, str]:
        """Return the headers, in lower case, with which *url* itself answers, redirects not followed; raises as `span`."""
        return self._run(url, {}, None).headers

    def _run(self, url: str, headers: Mapping[str, str], want: ByteRange | None) -> HubResponse:
        import asyncio  # noqa: PLC0415 - see the module's docstring

        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(self._ask(url, headers, want))

    async def _ask(self, url: str, headers: Mapping[str, str], want: ByteRange | None) -> HubResponse:
        import aiohttp  # noqa: PLC0415 - see the module's docstring
        from yarl import URL  # noqa: PLC0415 - as above

        self._scheme, host, _ = origin(url)
        session = self._session = self._session or self._begin(trust_env=not is_loopback(host))
        begun = False
        try:
            async with session.request(
                "GET" if want else "HEAD",
                URL(url, encoded=True),  # a signature holds for the address as it was given
                headers=headers,
                allow_redirects=want is not None,
                max_redirects=REDIRECTS,
            ) as response:
                begun = True
                met: dict[str, str] = {}
                for each in (response, *reversed(response.history)):
                    met |= {name.lower(): value for name, value in each.headers.items()}
                if want is None and 300 <= response.status < 400:
                    return HubResponse(b"", url, None, met)
                return await _checked(response, met, want)
        except TimeoutError as error:
            what = "stopped sending" if begun else f"did not answer within {self._patience:g} s"
            if not isinstance(error, aiohttp.ServerTimeoutError):
                what = f"is too slow: not all came within {self._deadline:g} s"
            raise HubUnreachable(f"{shown_url(url)} {what}; try again") from error
        except aiohttp.TooManyRedirects as error:
            raise ModelUnreadable(
                f"{shown_url(url)} redirects in a circle or more than {REDIRECTS - 1} times; ask its owner"
            ) from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise ModelUnreadable(
                f"{shown_url(url)} redirects to what is no address of a hub; ask its owner"
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            why = "the connection broke" if begun else getattr(error, "strerror", None) or str(error)
            raise HubUnreachable(
                f"{shown_url(url)} cannot be reached ({why or type(error).__name__}); is this machine online?"
            ) from error

    def _begin(self, *, trust_env: bool) -> "aiohttp.ClientSession":
        """Return a session that goes by the proxies of the environment, unless the hub is on this machine."""
        import aiohttp  # noqa: PLC0415 - see the module's docstring

        async def guard(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
            where = origin(str(request.url))
            if self._scheme == "https" and where[0] != "https":
                raise ModelUnreadable(
                    f"{shown_url(str(request.url))} is a redirect from https to http; that is not followed"
                )
            # Also what aiohttp found in a .netrc goes: a hub has one credential.
            request.headers.pop("authorization", None)
            if self._credential and self._credential.origin == where:
                request.headers["authorization"] = self._credential.value
            return await send(request)

        return aiohttp.ClientSession(
            auto_decompress=False,
            connector=aiohttp.TCPConnector(socket_factory=_socket),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"accept-encoding": "identity", "user-agent": "hostd"},
            middlewares=(guard,),
            requote_redirect_url=False,  # as above
            timeout=aiohttp.ClientTimeout(self._deadline, sock_connect=self._patience, sock_read=self._patience),
            trust_env=trust_env,
        )


async def _checked(response: "aiohttp.ClientResponse", met: Mapping[str, str], want: ByteRange | None) -> HubResponse:
    """Check and read *response*; *met* are its headers, after those of the redirects that led to it."""
    import aiohttp  # noqa: PLC0415 - see the module's docstring

    url = str(response.url)
    own = {name.lower(): value for name, value in response.headers.items()}
    check_status(response.status, own, url)
    if want is None:
        return HubResponse(b"", url, None, met)
    limit, size = body_limit(response.status, own, url, want)
    body = bytearray()
    try:
        while len(body) < limit and (block := await response.content.read(min(_BLOCK, limit - len(body)))):
            body += block
    except aiohttp.ClientPayloadError as error:
        raise HubUnreachable(f"{shown_url(url)} broke off after {format_bytes(len(body))}; try again") from error
    if want.whole and len(body) > want.stop:
        raise ModelUnreadable(f"{shown_url(url)} is longer than {format_bytes(want.stop)}; that cannot be right")
    if response.status == 206:
        if len(body) < limit:
            raise HubUnreachable(f"{shown_url(url)} broke off after {len(body)} of {limit} bytes; try again")
        return HubResponse(bytes(body), url, size, met)
    # A server that knows no ranges sends the file from its beginning: what comes before the first wanted byte is dropped.
    return HubResponse(bytes(body[want.first :]), url, size, met)


def _socket(address: Any) -> socket.socket:
    """Return a socket for *address*; raises as `refuse_link_local` does."""
    family, kind, protocol, _, where = address
    refuse_link_local(where[0])
    return socket.socket(family, kind, protocol)
