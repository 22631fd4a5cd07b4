"""Hosts and web origins as headers give them, and the patterns by which an owner allows more of them.

Both are read strictly: what no browser and no proxy sends is no host and no origin, whatever a lenient parser makes of it.
"""

import ipaddress
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_NAME = rf"{_LABEL}(?:\.{_LABEL})*"
_AUTHORITY = re.compile(rf"(?P<host>{_NAME}|\[[0-9a-f:.]+\])\.?(?::(?P<port>[0-9]{{1,5}}))?")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_NAME_PATTERN = re.compile(rf"(?:\*\.)?{_NAME}")
_LONGEST = 262
"""Characters: a name of 253, a dot, brackets or not, a colon and five digits; nothing longer is looked at."""

_WEB_PORTS = {"http": 80, "https": 443}


class WebOrigin(NamedTuple):
    """Where a page comes from, in lower case. *port* is None where it is the scheme's own."""

    scheme: str
    host: str
    port: int | None = None


def parse_host(text: str) -> tuple[str, int | None] | None:
    """Return the host of a ``Host`` header without its closing dot, and the port if it names one; None where *text* is no host."""
    found = _AUTHORITY.fullmatch(text.lower()) if text.isascii() and len(text) <= _LONGEST else None
    if found is None:
        return None
    host, port = found["host"], found["port"]
    if host.startswith("["):
        try:
            host = f"[{ipaddress.IPv6Address(host[1:-1]).compressed}]"
        except ValueError:
            return None
    if port is not None and int(port) > 65535:
        return None
    return host, None if port is None else int(port)


def parse_origin(text: str) -> WebOrigin | None:
    """Return the origin of an ``Origin`` header; None where *text* names none, as ``null`` does, or is no origin."""
    scheme, separator, authority = text.partition("://")
    scheme = scheme.lower()
    if not separator or not _SCHEME.fullmatch(scheme):
        return None
    if scheme == "file" and not authority:
        return WebOrigin(scheme, "")
    found = parse_host(authority)
    if found is None:
        return None
    host, port = found
    return WebOrigin(scheme, host, None if port == _WEB_PORTS.get(scheme) else port)


def is_loopback_host(host: str) -> bool:
    """Return whether *host*, as `parse_host` returns it, can be nothing but this machine: ``localhost``, or a loopback address.

    Browsers look up no name below ``localhost`` (RFC 6761, section 6.3), so none of these can be pointed elsewhere.
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    return False


class HostPatterns:
    """Names under which a server is reached: ``box.lan``, an address, or ``*.ts.net`` for every name below one."""

    def __init__(self, patterns: Iterable[str]) -> None:
        names = [host_pattern(pattern) for pattern in patterns]
        self._exact = frozenset(name for name in names if not name.startswith("*"))
        self._suffixes = tuple(name[1:] for name in names if name.startswith("*"))

    def __repr__(self) -> str:
        return f"<HostPatterns {sorted(self._exact)} {self._suffixes}>"

    def match(self, host: str) -> bool:
        """Return whether *host*, as `parse_host` returns it, is one of these names."""
        return host in self._exact or host.endswith(self._suffixes or ("\n",))


def host_pattern(text: str) -> str:
    """Return *text* in lower case if it is a name, an address or ``*.NAME``.

    Raises:
        ValueError: It is something else; says what to write.
    """
    pattern = text.lower()
    if "://" in pattern or "/" in pattern:
        raise ValueError(f"{text!r} is no host; write its name alone, such as box.example or *.ts.net")
    if _NAME_PATTERN.fullmatch(pattern):
        return pattern
    parsed = parse_host(pattern)
    if parsed is None:
        raise ValueError(f"{text!r} is no host; write a name such as box.example, or *.ts.net for every name below one")
    if parsed[1] is not None:
        raise ValueError(f"{text!r} has a port; leave it out, a host is allowed at every port")
    return parsed[0]


class OriginPattern:
    """Pages that the owner lets in: ``https://chat.example``, ``http://box.lan:*``, ``https://*.example``, ``app://obsidian.md``.

    Without a port only the scheme's own is meant, ``:*`` stands for every one. ``SCHEME://*`` stands for every host of a scheme
    that programs have to themselves, such as ``vscode-webview``.

    Raises:
        ValueError: The text is no such pattern, or lets every page of the web in; says what to write.
    """

    def __init__(self, text: str) -> None:
        scheme, separator, authority = text.lower().partition("://")
        if text == "*" or not separator or not _SCHEME.fullmatch(scheme):
            raise ValueError(
                f"{text!r} is no origin; write SCHEME://HOST, such as https://chat.example or app://obsidian.md"
            )
        self.text = text
        self._scheme = scheme
        self._any_port = authority.endswith(":*")
        authority = authority.removesuffix(":*")
        self._host, self._port = "", None
        if authority == "*":
            if scheme in _WEB_PORTS:
                raise ValueError(f"{text!r} would let every web page use the models; name the pages' hosts")
            self._host = "*"
        elif authority or scheme != "file":
            self._host, self._port = _authority(text, authority.removeprefix("*."), _WEB_PORTS.get(scheme))
            self._host = f"*.{self._host}" if authority.startswith("*.") else self._host

    def __repr__(self) -> str:
        return f"<OriginPattern {self.text}>"

    def match(self, origin: WebOrigin) -> bool:
        """Return whether *origin* is meant."""
        if origin.scheme != self._scheme or not (self._any_port or origin.port == self._port):
            return False
        if self._host.startswith("*."):
            return origin.host.endswith(self._host[1:])
        return self._host in ("*", origin.host)


def _authority(text: str, authority: str, own_port: int | None) -> tuple[str, int | None]:
    parsed = parse_host(authority)
    if parsed is None:
        raise ValueError(f"{text!r} is no origin: it has no path, and its host is a name, an address, *.NAME or *")
    host, port = parsed
    return host, None if port == own_port else port
