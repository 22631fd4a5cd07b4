"""The daemon's address: a given one, the one in the owner's files, or the default."""

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from hostd.cli.exits import Code, VerbError
from hostd.cli.output import say
from hostd.config.locate import locate
from hostd.domain.errors import ConfigError

USUAL = "127.0.0.1:11435"
_REACHED_AS = {"0.0.0.0": "127.0.0.1", "*": "127.0.0.1", "::": "::1"}  # noqa: S104 - read here, never bound


@dataclass(frozen=True, slots=True)
class Address:
    """One place to connect to; *socket* is the path of a unix socket and takes the place of *host* and *port*."""

    host: str = "127.0.0.1"
    port: int = 11435
    socket: str | None = None
    tls: bool = False
    prefix: str = ""

    def __str__(self) -> str:
        if self.socket:
            return f"unix:{self.socket}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{self.prefix}"


def parse_address(text: str) -> Address:
    """Return what *text* means: ``http://HOST:PORT``, ``HOST:PORT`` or ``unix:/PATH``; a trailing ``/v1`` is dropped.

    Raises:
        VerbError: The text is no address (exit code 2).
    """
    if text.startswith("unix:"):
        return Address(socket=text.removeprefix("unix:").removeprefix("//"))
    parts = urlsplit(text if "://" in text else f"http://{text}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host is None or parts.scheme not in ("http", "https"):
        raise VerbError(f"{text!r} is no address; write one such as http://{USUAL} or unix:/run/hostd.sock", Code.USAGE)
    tls = parts.scheme == "https"
    usual_port = 443 if tls else 11435
    prefix = parts.path.rstrip("/").removesuffix("/v1")
    return Address(_REACHED_AS.get(host, host), port or usual_port, tls=tls, prefix=prefix)


def find_address(url: str | None) -> Address:
    """Return *url* when given, else the first address that the owner's files listen on, else the usual one."""
    return parse_address(url or _configured() or USUAL)


def find_port(url: str | None) -> Address:
    """Return *url* when given, else the first address with a port that the owner's files listen on, else the usual one.

    Raises:
        VerbError: There is only a unix socket, which other programs' clients do not know (exit code 2).
    """
    listening = (url,) if url else _listening() or (USUAL,)
    for address in map(parse_address, listening):
        if address.socket is None:
            return address
    raise VerbError(
        f"clients need a port, and this daemon is reached by {listening[0]}; add such as {USUAL} to server.listen",
        Code.USAGE,
    )


def _configured() -> str | None:
    listening = _listening()
    return listening[0] if listening else None


def _listening() -> tuple[str, ...]:
    try:
        if locate(None, os.environ) is None:
            return ()
        from hostd.config.load import load  # costs 0.1 s, and no file or --url does without

        return load().listen
    except ConfigError:
        say(f"the configuration has problems (see: hostd config check), so the daemon is looked for at {USUAL}")
        return ()
