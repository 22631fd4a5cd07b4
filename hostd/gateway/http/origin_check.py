"""Refuses requests of web pages: a page that a browser on this machine shows must not be able to use its models.

A page can reach a loopback server by a name that it rebinds to 127.0.0.1, so the Host must be a name that is this machine's alone
or that the owner has declared. And a page cannot hide where it comes from, so an Origin must be of this machine or declared.
Programs send no Origin and name the address they were given.
"""

from collections.abc import Iterable, Mapping

from hostd.domain.errors import RequestError
from hostd.domain.server_settings import ServerSettings
from hostd.domain.web_origin import HostPatterns, OriginPattern, is_loopback_host, parse_host, parse_origin

# What containers call the machine that they run on: Docker Desktop, and Podman. The domain `internal` is nobody's on the internet
# (ICANN's resolution of 29 July 2024), but any network may give out other names below it.
_CONTAINER_HOSTS = ("host.docker.internal", "gateway.docker.internal", "host.containers.internal")

_MOST_REMEMBERED = 64
_LONGEST_SHOWN = 200


def shown(text: str) -> str:
    """Return *text*, a stranger's, for a message: never longer than a line."""
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


class OriginCheck:
    """Accepts or refuses requests by their Host and Origin, given the addresses that the server listens on and its settings."""

    def __init__(self, listen: Iterable[str], settings: ServerSettings | None = None) -> None:
        settings = settings or ServerSettings()
        addresses = (parse_host(address) for address in listen if not address.startswith("unix:"))
        self._own = frozenset(address[0] for address in addresses if address is not None)
        self._declared = HostPatterns((*_CONTAINER_HOSTS, *settings.hosts))
        self._origins = [OriginPattern(pattern) for pattern in settings.origins]
        self._accepted: set[str] = set()

    def check(self, headers: Mapping[str, str], *, by_name: bool = True, method: str = "GET") -> str | None:
        """Return the Origin of a request with *headers* that is accepted, None where it has none.

        A unix socket is not reached *by_name*: its path is its address, and who may use it is the file system's business.

        Raises:
            RequestError: It comes from a web page elsewhere, or is addressed to a name that this server does not have.
        """
        if by_name:
            self._check_host(headers.get("Host", "localhost"))
        origin = headers.get("Origin")
        if origin is not None:
            self._check_origin(origin, headers)
        elif headers.get("Sec-Fetch-Site") == "cross-site":
            _check_navigation(headers, method)
        return origin

    def _check_host(self, given: str) -> None:
        # Programs name the same few hosts again and again.
        if given in self._accepted:
            return
        parsed = parse_host(given)
        if parsed is None:
            raise RequestError(f"'{shown(given)}' is no Host; use localhost or 127.0.0.1", code="bad_host")
        host = parsed[0]
        if not self._could_be_ours(host):
            raise RequestError(
                f"this server is not called '{shown(host)}'; use localhost or 127.0.0.1, or add that name to 'server.hosts' in "
                "hostd.yaml",
                code="host_not_allowed",
                status=403,
            )
        if len(self._accepted) < _MOST_REMEMBERED:
            self._accepted.add(given)

    def _could_be_ours(self, host: str) -> bool:
        return host in self._own or is_loopback_host(host) or self._declared.match(host)

    def _check_origin(self, given: str, headers: Mapping[str, str]) -> None:
        once = sum(name.lower() == "origin" for name, _ in headers.items()) == 1
        origin = parse_origin(given) if once else None
        if origin is not None:
            if origin.host in self._own or is_loopback_host(origin.host):
                return
            # The page is this server's own, as a proxy shows it under a declared name. Another host under the same pattern is not.
            asked = parse_host(headers.get("Host", ""))
            if asked is not None and asked[0] == origin.host and self._declared.match(origin.host):
                return
            if any(pattern.match(origin) for pattern in self._origins):
                return
        raise RequestError(
            f"web pages of '{shown(given)}' may not use this server; if they should, add that origin to 'server.origins' in "
            "hostd.yaml",
            code="origin_not_allowed",
            status=403,
        )


def _check_navigation(headers: Mapping[str, str], method: str) -> None:
    """Refuse what a page elsewhere embeds without an Origin: it could not read the answer, but tell whether and when one came.

    A form that it submits is a navigation as well, and changes something; its Origin may have been taken away on the way.

    Raises:
        RequestError: It is no link that a person has followed.
    """
    followed = method in ("GET", "HEAD") and headers.get("Sec-Fetch-Mode") == "navigate"
    if followed and headers.get("Sec-Fetch-Dest", "document") == "document":
        return
    raise RequestError(
        "pages of other sites may not load anything from this server; see 'server.origins' in hostd.yaml",
        code="origin_not_allowed",
        status=403,
    )
