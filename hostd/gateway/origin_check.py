"""Refuses requests of web pages: a page that a browser on this machine shows must not be able to use its models.

A page can reach a loopback server by a name that it rebinds to 127.0.0.1, so the Host must be one that this server has, or one
that no site can have on the internet (a bare word, as proxies on this machine like to send). And a page cannot hide where it comes
from, so an Origin must be local. Programs send no Origin and name the address they were given.
"""

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from hostd.domain.errors import RequestError

_LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})

# Set aside for use on one machine or in one network (RFC 6761 and ICANN's resolution of 29 July 2024).
_LOCAL_SUFFIXES = (".localhost", ".internal")


def _name(host: str) -> str:
    """Return *host* without its port, in lower case."""
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    return host.partition(":")[0].lower()


class OriginCheck:
    """Accepts or refuses requests by their Host and Origin, given the addresses that the server listens on."""

    def __init__(self, listen: Iterable[str]) -> None:
        hosts = {_name(address) for address in listen if not address.startswith("unix:")}
        self._own = _LOCAL | hosts
        # Bound to the network, the server cannot know all the names under which it may be reached.
        self._any_host = not hosts <= _LOCAL

    def _could_be_ours(self, name: str) -> bool:
        return name in self._own or name.endswith(_LOCAL_SUFFIXES) or (name != "" and not set(name) & set(".[:"))

    def check(self, headers: Mapping[str, str]) -> None:
        """Return if a request with *headers* is accepted.

        Raises:
            RequestError: It comes from a web page elsewhere, or is addressed to a name that this server does not have.
        """
        host = headers.get("Host", "localhost")
        if not self._any_host and not self._could_be_ours(_name(host)):
            raise RequestError(
                f"this server is not called '{host}'; use localhost or 127.0.0.1", code="host_not_allowed", status=403
            )
        origin = headers.get("Origin")
        if origin is not None and _name(urlsplit(origin).netloc) not in self._own:
            raise RequestError(
                f"web pages of '{origin}' may not use this server", code="origin_not_allowed", status=403
            )
