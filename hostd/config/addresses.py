"""Checks of addresses: where a server is reached, and where hostd listens."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from hostd.config.validators import InvalidValue, shown, text

SOCKET_PATH_BYTES = 103  # fits every Unix: the limit is 104 on macOS and 108 on Linux, with the closing zero
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


def web(value: object) -> str:
    """Return *value* if it is the address of an HTTP server.

    Raises:
        InvalidValue: The value is something else.
    """
    url = text(value)
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise InvalidValue("an address may not hold a name and password; write the key as 'api_key'")
    if not good or " " in url:
        raise InvalidValue(f"{shown(value)} is no address of a server; write such as http://127.0.0.1:1234/v1")
    return url


def address(value: object) -> str:
    """Return *value* if hostd can listen there: ``HOST:PORT`` (port 0: any free one), ``[IPv6]:PORT`` or ``unix:/PATH``.

    Raises:
        InvalidValue: The value is not such an address.
    """
    where = value if isinstance(value, str) else ""
    if where.startswith("unix:"):
        path = text(where)[5:]
        if not path.startswith("/"):
            raise InvalidValue(f"{shown(value)} needs an absolute path; write such as unix:/run/hostd/hostd.sock")
        if len(path.encode()) > SOCKET_PATH_BYTES:
            raise InvalidValue(f"the socket's path is longer than {SOCKET_PATH_BYTES} bytes; choose a shorter one")
        return where
    host, _, port = where.rpartition(":")
    if not (_is_host(host) and re.fullmatch(r"[0-9]{1,5}", port) and int(port) < 65536):
        raise InvalidValue(f"{shown(value)} is no address to listen on; write such as 127.0.0.1:11435 or unix:/PATH")
    return where


def _is_host(host: str) -> bool:
    numeric = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        return (ip_address(numeric).version == 6) == (numeric is not host)
    except ValueError:
        return bool(_HOST.fullmatch(host)) and not re.fullmatch(r"[0-9.]+", host)
