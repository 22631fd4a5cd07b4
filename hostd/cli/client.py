"""A small HTTP client of the daemon on http.client: a verb that lists three rows cannot wait for a larger library's import."""

import http.client
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from typing import Any
from urllib.parse import quote, urlencode

from hostd.cli.address import Address, find_address
from hostd.cli.exits import Code, DaemonUnreachable, VerbError
from hostd.domain.errors import ConfigError, Problem
from hostd.owner_key import key_for

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::]")  # noqa: S104 - compared, not bound
PATIENCE = 30.0
"""Seconds to wait for an answer that needs no model."""


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class JsonObject(dict[str, Any]):
    """A JSON object from the daemon; a key that it lacks is the daemon's fault, not ours."""

    def __missing__(self, key: str) -> Any:
        raise VerbError(f"the daemon's answer lacks '{key}'; is it another hostd than this one (see: hostd version)?")


class Reply:
    """An answer whose body is still to be read; *headers* are looked up without regard to case."""

    def __init__(self, response: http.client.HTTPResponse, address: Address) -> None:
        self._response = response
        self._address = address
        self.headers: Message = response.headers

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object.

        Raises:
            VerbError: It is none, so whatever answers is no hostd.
        """
        try:
            data = json.loads(self._response.read(), object_hook=JsonObject)
        except (ValueError, OSError, http.client.HTTPException):
            data = None
        if not isinstance(data, dict):
            raise VerbError(
                f"what answers at {self._address} is no hostd; name the right address with --url or HOSTD_URL"
            )
        return data

    def lines(self) -> Iterator[str]:
        """Yield the body's lines as they arrive, without their line ends.

        Raises:
            VerbError: The connection broke off.
        """
        try:
            rest = b""
            for block in iter(self._response.read1, b""):  # `readline` would take a broken chunk for the end
                *whole, rest = (rest + block).split(b"\n")
                yield from (_text(line) for line in whole)
            if self._response.length:
                raise http.client.IncompleteRead(rest, self._response.length)
            if rest:
                yield _text(rest)
        except (OSError, http.client.HTTPException) as error:
            raise VerbError(f"the connection to {self._address} broke off ({error}); look at: hostd ps") from error


class Client:
    """Speaks to one daemon; each call uses a connection of its own, so threads may share a client."""

    def __init__(self, address: Address, *, as_owner: bool = False) -> None:
        """Speak to the daemon at *address*, *as_owner* with the key that it has left where there is one, whatever was given."""
        self.address = address
        self._as_owner = as_owner

    def get(self, path: str, **query: object) -> dict[str, Any]:
        """Return the JSON object at *path*, asked with those of *query* that are not None; raises as `request` does."""
        given = urlencode({name: value for name, value in query.items() if value is not None})
        with self.request("GET", f"{path}?{given}" if given else path, timeout=PATIENCE) as reply:
            return reply.json()

    def post(self, path: str) -> dict[str, Any]:
        """Post nothing to *path*, wait as long as it takes, and return the JSON answer; raises as `request` does."""
        with self.request("POST", path) as reply:
            return reply.json()

    @contextmanager
    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, timeout: float | None = None
    ) -> Iterator[Reply]:
        """Send one request and hold its reply open; *timeout* is in seconds (None: for ever).

        Raises:
            DaemonUnreachable: No daemon answered.
            VerbError: The daemon refused; the exit code says why.
            ConfigError: The files that the daemon has read have mistakes.
        """
        connection = self._connection(timeout)
        try:
            response = self._send(connection, method, path, body)
            if response.status >= 400:
                raise refusal(response.status, response.headers, response.read(), f"{method} {path}")
            yield Reply(response, self.address)
        finally:
            connection.close()

    def _connection(self, timeout: float | None) -> http.client.HTTPConnection:
        where = self.address
        if where.socket:
            return _UnixConnection(where.socket, timeout)
        kind = http.client.HTTPSConnection if where.tls else http.client.HTTPConnection
        return kind(where.host, where.port, timeout=timeout)

    def key(self) -> str | None:
        """Return the key from the environment, else the one that a daemon of this user has left for this address."""
        given, left = os.environ.get("HOSTD_API_KEY") or None, self._left
        return (left() or given) if self._as_owner else (given or left())

    def _left(self) -> str | None:
        where = self.address
        if where.socket or where.tls or where.prefix:
            return None
        host = f"[{where.host}]" if ":" in where.host else where.host
        names = _LOOPBACK if where.host in _LOOPBACK or where.host == "::1" else (host,)
        return key_for([f"{name}:{where.port}" for name in names])

    def _send(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: Mapping[str, Any] | None
    ) -> http.client.HTTPResponse:
        headers = {"content-type": "application/json", "x-hostd-client": "hostd-cli"} if body else {}
        if (key := self.key()) is not None:
            headers["authorization"] = f"Bearer {key}"
        payload = json.dumps(body).encode() if body else None
        try:
            connection.request(method, self.address.prefix + path, payload, headers)
            return connection.getresponse()
        except TimeoutError as error:
            raise DaemonUnreachable(str(self.address), f"no answer within {connection.timeout:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise DaemonUnreachable(str(self.address), why[:1].lower() + why[1:]) from error


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")


def connect(url: str | None) -> Client:
    """Return a client for the daemon that *url*, or else the owner's files, name."""
    return Client(find_address(url))


def model_path(model: str, rest: str = "") -> str:
    """Return the path of *model* in hostd's own API; names may hold slashes and colons."""
    return f"/hostd/v1/models/{quote(model, safe='')}{rest}"


def refusal(status: int, headers: Message, body: bytes, asked: str) -> VerbError | ConfigError:
    """Return what an error answer means: its own sentence, with the exit code for its status; or what is wrong with files."""
    try:
        error = json.loads(body)["error"]
        message, code = str(error["message"]), error.get("code")
        if problems := error.get("problems"):
            return ConfigError(tuple(Problem(**problem) for problem in problems))
    except (ValueError, KeyError, TypeError, AttributeError):
        return VerbError(f"{asked} was answered with HTTP {status} and no reason; is it a hostd that listens there?")
    wait = headers.get("retry-after")
    if status in (401, 403):
        return VerbError(message, Code.NOT_ALLOWED)
    if code == "model_not_found":
        return VerbError(
            f"{message.rstrip('.')}{'' if message.endswith('?') else '.'} See: hostd ls", Code.UNKNOWN_MODEL
        )
    # Without Retry-After a 503 is no matter of time: a script that tries again would try for ever.
    if status in (429, 503) and wait:
        return VerbError(f"{message}; try again in {wait} s", Code.BUSY)
    return VerbError(message)
