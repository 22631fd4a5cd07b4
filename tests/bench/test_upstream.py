"""The scripted upstream of the benchmark, spoken to over real sockets."""

import importlib
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

processes = importlib.import_module("bench.processes")
workloads = importlib.import_module("bench.workloads")

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench" / "upstream.py"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of a scripted upstream of this module's own."""
    free: int = processes.free_port()
    child = subprocess.Popen([sys.executable, str(SCRIPT), "--port", str(free)])
    try:
        while not processes.answers(f"http://127.0.0.1:{free}/health"):
            assert child.poll() is None
        yield free
    finally:
        child.terminate()
        child.wait(10)


def counters(port: int) -> dict[str, int]:
    """Return what the upstream has counted."""
    counted: dict[str, int] = processes.get_json(f"http://127.0.0.1:{port}/bench/counters")
    return counted


def request(*headers: str, version: str = "1.1", more: dict[str, Any] | None = None, **asked: Any) -> bytes:
    """Return a chat completion request with further *headers*."""
    body = workloads.chat_body(**{"tokens": 3, "stream": False, **asked})
    if more:
        body = json.dumps({**json.loads(body), **more}).encode()
    raw: bytes = workloads.http_request(body)
    head, _, rest = raw.partition(b"\r\n")
    return head.replace(b"1.1", version.encode()) + b"\r\n" + "".join(f"{each}\r\n" for each in headers).encode() + rest


def answered(connection: socket.socket) -> bytes:
    """Return the next whole answer."""
    data = b""
    while True:
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if body and (len(body) >= int(length[1]) if length else body.endswith(b"\r\n0\r\n\r\n")):
            return data
        more = connection.recv(65536)
        assert more, f"the connection was closed in the middle of an answer: {data!r}"
        data += more


def is_closed(connection: socket.socket) -> bool:
    """Return whether the other side closes *connection* now, without another byte."""
    connection.settimeout(0.2)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False


@pytest.mark.parametrize("stream", [False, True])
def test_connection_serves_the_next_request(port: int, *, stream: bool) -> None:
    """Kept alive, one connection has all answers."""
    before = counters(port)
    with closing(socket.create_connection(("127.0.0.1", port), 5)) as connection:
        for _ in range(3):
            connection.sendall(request(stream=stream))
            answer = answered(connection)
            assert b"connection:" not in answer
            assert 3 == answer.count(workloads.WORD)
        assert not is_closed(connection)
    after = counters(port)
    assert 3 == after["requests"] - before["requests"]
    # one of them was ours, the other asked for the counters
    assert 2 == after["connections"] - before["connections"]


@pytest.mark.parametrize(
    "asked", [{"stream": False}, {"stream": True}, {"stream": True, "prompt": "pace=1000"}], ids=str
)
def test_connection_is_closed_where_the_client_says_so(port: int, asked: dict[str, Any]) -> None:
    """The answer is whole, says that no other follows, and the connection ends."""
    with closing(socket.create_connection(("127.0.0.1", port), 5)) as connection:
        connection.sendall(request("Connection: close", **asked))
        answer = answered(connection)
        assert 1 == answer.count(b"\r\nconnection: close\r\n")
        assert 3 == answer.count(workloads.WORD)
        assert is_closed(connection)


@pytest.mark.parametrize(("headers", "kept"), [((), False), (("Connection: keep-alive",), True)])
def test_old_clients_have_to_ask_for_another_request(port: int, headers: tuple[str, ...], *, kept: bool) -> None:
    """With HTTP/1.0, connections are not kept unless the client wants that."""
    with closing(socket.create_connection(("127.0.0.1", port), 5)) as connection:
        connection.sendall(request(*headers, version="1.0"))
        answered(connection)
        assert kept != is_closed(connection)


def test_stream_tells_its_usage_where_that_is_asked_for(port: int) -> None:
    """It comes in the last event before the end, and not unasked."""
    with closing(socket.create_connection(("127.0.0.1", port), 5)) as connection:
        connection.sendall(request(stream=True))
        plain = answered(connection)
        connection.sendall(request(stream=True, more={"stream_options": {"include_usage": True}}))
        told = answered(connection)
    assert b"usage" not in plain
    *_, sums, end = (part.partition(b"\n\n")[0] for part in told.split(b"data: "))
    assert {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8} == json.loads(sums)["usage"]
    assert b"[DONE]" == end
