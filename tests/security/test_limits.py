"""Bounds of what a client may send: heads, bodies, what they unpack to, and how long they may take."""

import gzip
import json
import socket
import time
import zlib

import pytest

from tests.security.conftest import Target
from tests.security.wire import connected, request, send

CHAT = "/v1/chat/completions"


@pytest.mark.parametrize(
    "head",
    [
        pytest.param({"X-Long": "a" * 100_000}, id="one header of 100 kB"),
        pytest.param({f"X-{each}": "a" for each in range(2000)}, id="2000 headers"),
        pytest.param({"Content-Length": "1, 2"}, id="two lengths"),
        pytest.param({"Transfer-Encoding": "chunked, chunked"}, id="two encodings"),
        pytest.param({"X": "a\nHost: evil.test"}, id="a bare line feed"),
        pytest.param({"X-Nul": "a\x00b"}, id="a zero"),
    ],
)
def test_odd_heads_are_refused(target: Target, head: dict[str, str]) -> None:
    """R16, CVE-2025-48956 (vLLM): a head of any length was held in memory. Bounded, refused, and the connection closed."""
    reply = send(target.address, request("GET", "/healthz", head))
    assert reply.status in {400, 431}
    assert "close" == reply.headers["connection"].lower()
    assert "message" in json.loads(reply.body)["error"]


def test_a_long_path_is_refused(target: Target) -> None:
    """R16: neither held nor echoed."""
    reply = send(target.address, request("GET", "/" + "a" * 100_000))
    assert reply.status in {400, 414, 431}
    assert len(reply.body) < 2000


@pytest.mark.parametrize("path", [CHAT, "/v1/messages", "/api/chat", "/v1/responses", "/v1/embeddings"])
def test_a_large_body_is_refused_in_the_dialect(target: Target, path: str) -> None:
    """R30, R16: 32 MiB are the most, and who announces more is told so before sending it, in a form that its client reads."""
    reply = send(target.address, request("POST", path, {"Content-Length": str(64 << 20)}))
    assert 413 == reply.status
    assert "error" in json.loads(reply.body)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_small_body_cannot_become_a_large_one(target: Target, encoding: str) -> None:
    """R12, CVE-2024-12886 (Ollama): a gzip bomb. 100 MiB of zeros in 100 kB are given up at the limit."""
    packed = (gzip.compress if encoding == "gzip" else zlib.compress)(bytes(100 << 20), 1)
    reply = send(target.address, request("POST", CHAT, {"Content-Encoding": encoding}, packed))
    assert 413 == reply.status


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 200_000, id="brackets"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, id="objects"),
        pytest.param(
            b'{"model": "chat", "messages": ' + b"[" * 900 + b"]" * 900 + b"}", id="just deep enough for a parser"
        ),
        pytest.param(b'{"model": "' + b"a" * 1_000_000 + b'"}', id="a name of 1 MB"),
        pytest.param(b'{"model": "chat", "n": ' + b"9" * 100_000 + b"}", id="a number of 100,000 digits"),
        pytest.param(b'{"model": "chat", "messages": NaN}', id="no number"),
        pytest.param('{"model": "chat"}'.encode("utf-16"), id="utf-16"),
        pytest.param(b'{"model": "\xff\xfe"}', id="no text"),
    ],
)
def test_what_breaks_parsers_is_refused(target: Target, body: bytes) -> None:
    """R15, R16: depth, length and digits that parsers recurse or count over. An error of the client's, small, and quick."""
    began = time.monotonic()
    reply = send(target.address, request("POST", CHAT, body=body))
    assert reply.status in {400, 404}
    assert len(reply.body) < 4000
    assert time.monotonic() - began < 10


@pytest.mark.slow
def test_who_sends_slowly_is_not_waited_for(target: Target) -> None:
    """R16 (slow heads and bodies, "Slowloris"): half a head ends after ten seconds, and others are served meanwhile."""
    half = [connected(target.address) for _ in range(50)]
    for each in half:
        each.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
    began = time.monotonic()
    assert 200 == target.host.get("/healthz").status
    assert time.monotonic() - began < 5
    for each in half:
        each.settimeout(30)
        each.recv(65536)
        with each:
            assert b"" == each.recv(1)


def test_a_connection_carries_one_meaning(target: Target) -> None:
    """R16: request smuggling. With both a length and chunks in its head a request is refused, and nothing behind it is answered."""
    with socket.create_connection(tuple(target.address.rsplit(":", 1)), 20) as connection:  # type: ignore[arg-type]
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\n\r\nGET /hostd/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        got = b""
        while block := connection.recv(65536):
            got += block
    assert got.startswith(b"HTTP/1.1 400")
    assert b"HTTP/1.1 200" not in got
