"""Requests as an attacker writes them, byte by byte: no client library stands between."""

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

PATIENCE = 20.0


class WireReply(NamedTuple):
    """What came back: a status (0 where the connection was closed without one), the head and the body."""

    status: int
    head: str
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        """The headers by their names in lower case."""
        lines = (line.partition(":") for line in self.head.split("\r\n")[1:])
        return {name.lower(): value.strip() for name, _, value in lines}


def connected(address: str) -> socket.socket:
    """Return a connection to *address*: ``HOST:PORT``, or a path."""
    if "/" in address:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        connection.connect(address)
        return connection
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), PATIENCE)


def send(address: str | Path, data: bytes) -> WireReply:
    """Send *data* and return the answer, read to the end of the connection or of the body that its head announces."""
    got = b""
    with connected(str(address)) as connection:
        connection.sendall(data)
        while not _is_whole(got):
            try:
                block = connection.recv(65536)
            except ConnectionError:
                break
            if not block:
                break
            got += block
    head, _, body = got.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    return WireReply(int(words[1]) if len(words) > 1 else 0, head.decode("latin-1"), body)


def request(
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    *,
    host: str | None = "localhost",
) -> bytes:
    """Return a request that asks for *path* as it is written; without a *host* it names none."""
    given = {} if host is None else {"Host": host}
    given |= {"Content-Length": str(len(body))} if body or method == "POST" else {}
    lines = [
        f"{method} {path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in (given | dict(headers or {})).items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


def _is_whole(got: bytes) -> bool:
    head, end, body = got.partition(b"\r\n\r\n")
    if not end:
        return False
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    if found:
        return len(body) >= int(rest.split(b"\r\n", 1)[0])
    return body.endswith(b"0\r\n\r\n") or head.startswith((b"HTTP/1.1 204", b"HTTP/1.1 304"))
