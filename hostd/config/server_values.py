"""Checks of the values under `server:`; each refuses with a sentence for the owner."""

import importlib.util
import re
from urllib.parse import urlsplit

from hostd.config.validators import InvalidValue, quantity, shown, text
from hostd.domain.secret import Secret
from hostd.domain.units import parse_duration, parse_size
from hostd.domain.web_origin import OriginPattern, host_pattern, is_loopback_host

PREFIX = r"(/[A-Za-z0-9._~-]+)+"
_SMALLEST_BODY, _LARGEST_BODY = 64 * 1024, 2**30
_SHORTEST, _LONGEST = 1.0, 600.0
_body = quantity(parse_size, _LARGEST_BODY, "32MiB, 64MiB")
_period = quantity(parse_duration, _LONGEST, "10s, 1m")


def why_open(address: str) -> str | None:
    """Return why hostd must not listen on *address* as long as no client needs a key, None where it may."""
    host = address.rpartition(":")[0]
    if address.startswith("unix:") or is_loopback_host(host.lower().removesuffix(".")):
        return None
    return (
        f"{shown(address)} is open to other machines, so clients there need keys: write 'keys: {{file: keys.yaml}}' in hostd.yaml "
        "and run hostd keys create NAME; or keep 127.0.0.1 and let a tunnel (ssh -L), tailscale serve or a reverse proxy with a "
        "password pass requests on, with its name in 'server.hosts'"
    )


def host(value: object) -> str:
    """Return *value* if it is a name of this server, or ``*.NAME``.

    Raises:
        InvalidValue: The value is something else.
    """
    given = text(value)
    if given == "*":
        raise InvalidValue("'*' would let every web page in that rebinds its name to this machine; write the names")
    try:
        return host_pattern(given)
    except ValueError as error:
        raise InvalidValue(str(error)) from None


def origin(value: object) -> str:
    """Return *value* if it is an origin of pages, with ``*`` for hosts or ports.

    Raises:
        InvalidValue: The value is something else.
    """
    given = text(value)
    if given == "*":
        raise InvalidValue("'*' would let every web page use the models; write the pages' origins")
    try:
        return OriginPattern(given).text
    except ValueError as error:
        raise InvalidValue(str(error)) from None


def prefix(value: object) -> str:
    """Return *value*, a path in front of every route, without the slash at its end.

    Raises:
        InvalidValue: The value is no plain path.
    """
    given = text(value).rstrip("/")
    steps_up = {".", ".."} & set(given.split("/"))
    if given and (steps_up or not re.fullmatch(PREFIX, given)):
        raise InvalidValue(f"{shown(value)} is no path to stand in front of the routes; write such as /llm")
    return given


def body_size(value: object) -> int:
    """Return *value* as the bytes that the body of a request may have.

    Raises:
        InvalidValue: The value is no size, or none in reason.
    """
    size = int(_body(value))
    if size < _SMALLEST_BODY:
        raise InvalidValue(f"{shown(value)} is too small for the requests of agents; write at least 64KiB")
    return size


def period(value: object) -> float:
    """Return *value* as the seconds until, or between, keep-alives.

    Raises:
        InvalidValue: The value is no duration, or none in reason.
    """
    seconds = _period(value)
    if seconds < _SHORTEST:
        raise InvalidValue(f"{shown(value)} is too short; write at least 1s")
    return seconds


def shared_state(value: object) -> str:
    """Return *value* if it is the address of a Redis server that this hostd can use.

    Raises:
        InvalidValue: The value is something else, holds a password, or the client library is not installed.
    """
    url = text(value)
    try:
        parts = urlsplit(url)
        there = parts.path if parts.scheme == "unix" else parts.hostname
        good = parts.scheme in ("redis", "rediss", "unix") and bool(there) and parts.port != 0
    except ValueError:
        raise InvalidValue("that is no address of a Redis server; write such as redis://box.example:6379/0") from None
    if not good or " " in url:
        raise InvalidValue("that is no address of a Redis server; write such as redis://box.example:6379/0")
    if parts.password and not isinstance(value, Secret):
        raise InvalidValue("a password must not stand in this file; write all of the address as ${env:NAME}")
    if importlib.util.find_spec("redis") is None:
        raise InvalidValue("this hostd cannot use Redis yet: pip install 'hostd[redis]'")
    return url
