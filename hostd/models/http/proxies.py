"""Which proxy leads to a hub, by the variables that every command line tool on the machine goes by."""

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from hostd.models.errors import ModelUnreadable


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy, and what it wants to be told of who asks."""

    host: str
    port: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def proxy_for(scheme: str, host: str, environ: Mapping[str, str]) -> Proxy | None:
    """Return the proxy for that host, None where it is reached directly; this machine's own addresses always are.

    Raises:
        Unreadable: The variable names something that is no HTTP proxy.
    """
    said = _first(environ, f"{scheme}_proxy", "all_proxy")
    if not said or _is_exempt(host, _first(environ, "no_proxy")):
        return None
    parts = urlsplit(said if "://" in said else f"http://{said}")
    try:
        port = parts.port or 80
    except ValueError:
        port = 0
    if parts.scheme != "http" or not parts.hostname or not port:
        raise ModelUnreadable(
            f"{scheme}_proxy names no http proxy, the only kind that is understood; correct it, or unset it"
        )
    headers = {}
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["proxy-authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    return Proxy(parts.hostname, port, headers)


def _first(environ: Mapping[str, str], *names: str) -> str:
    return next((environ[each] for name in names for each in (name, name.upper()) if environ.get(each)), "")


def _is_exempt(host: str, no_proxy: str) -> bool:
    try:
        if ipaddress.ip_address(host).is_loopback:
            return True
    except ValueError:
        pass
    names = [name.strip().lstrip(".").lower() for name in no_proxy.split(",") if name.strip()]
    return host == "localhost" or any(name in ("*", host) or host.endswith(f".{name}") for name in names)
