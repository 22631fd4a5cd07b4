"""What the client makes of answers, good and bad."""

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from hostd.cli.client import Client, connect, model_path
from hostd.cli.exits import Code, DaemonUnreachable, VerbError
from tests.cli.recorded import Daemon


def test_json_is_read_over_tcp(daemon: Daemon) -> None:
    """A JSON answer comes back as it was sent."""
    daemon.on("GET /x", {"a": 1})
    assert {"a": 1} == connect(daemon.url).get("/x")


def test_json_is_read_over_a_unix_socket(unix_daemon: Daemon) -> None:
    """A unix socket serves as well as a port."""
    unix_daemon.on("POST /x", {"a": 1})
    assert {"a": 1} == connect(unix_daemon.url).post("/x")


def test_model_names_are_percent_encoded() -> None:
    """Slashes and colons of a model's name do not become part of the path's structure."""
    assert "/hostd/v1/models/org%2Ftiny%3Alatest/load" == model_path("org/tiny:latest", "/load")


@pytest.mark.parametrize(
    ("status", "code", "headers", "expected"),
    [
        (401, "invalid_api_key", {}, Code.NOT_ALLOWED),
        (403, "forbidden", {}, Code.NOT_ALLOWED),
        (404, "model_not_found", {}, Code.UNKNOWN_MODEL),
        (404, "not_found", {}, Code.FAILURE),
        (429, "queue_full", {"retry_after": "7"}, Code.BUSY),
        (503, "unavailable", {"retry_after": "7"}, Code.BUSY),
        (503, "closing", {}, Code.FAILURE),
        (502, "engine_failed", {}, Code.FAILURE),
    ],
)
def test_a_refusal_keeps_its_sentence_and_gets_an_exit_code(
    daemon: Daemon, status: int, code: str, headers: dict[str, str], expected: Code
) -> None:
    """The daemon's own words reach the owner, and scripts can tell the kinds of refusal apart."""
    daemon.refuse("GET /x", status, "the reason", code, **headers)
    with pytest.raises(VerbError, match="the reason") as caught:
        connect(daemon.url).get("/x")
    assert expected == caught.value.code
    assert ("try again in 7 s" in caught.value.message) == bool(headers)


def test_a_refusal_in_another_shape_is_explained(daemon: Daemon) -> None:
    """Some other server's error page ends in a question about the address, not in its HTML."""
    with pytest.raises(VerbError, match=r"HTTP 404 .*is it a hostd") as caught:
        connect(daemon.url).get("/hostd/v1/status")
    assert Code.FAILURE == caught.value.code


@pytest.mark.parametrize("body", ["<html>", "[]"])
def test_an_answer_that_is_no_object_is_explained(daemon: Daemon, body: str) -> None:
    """Some other server's page is not taken for data."""
    daemon.on("GET /x", body)
    with pytest.raises(VerbError, match="is no hostd"):
        connect(daemon.url).get("/x")


@pytest.mark.parametrize("url", ["127.0.0.1:1", "unix:/nonexistent/hostd.sock"])
def test_no_daemon_is_unreachable(url: str) -> None:
    """A closed port and a missing socket both say how to start the daemon."""
    with pytest.raises(DaemonUnreachable, match="start it with: hostd serve") as caught:
        connect(url).get("/x")
    assert Code.UNREACHABLE == caught.value.code


def test_a_server_that_hangs_up_is_unreachable(one_answer: Client) -> None:
    """A connection that is closed before any answer counts as no daemon."""
    with pytest.raises(DaemonUnreachable):
        one_answer.get("/nothing")


def test_silence_is_unreachable(tmp_path: Path) -> None:
    """A server that accepts and says nothing is given up on after the timeout, which the message names."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = connect(f"127.0.0.1:{server.getsockname()[1]}")
        with (
            pytest.raises(DaemonUnreachable, match=r"no answer within 0\.1 s"),
            client.request("GET", "/", timeout=0.1),
        ):
            pass


def test_lines_that_break_off_are_a_failure(one_answer: Client) -> None:
    """A body that is shorter than promised is no complete answer."""
    with one_answer.request("GET", "/") as reply, pytest.raises(VerbError, match="broke off"):
        list(reply.lines())


@pytest.fixture
def one_answer() -> Iterator[Client]:
    """A server that resets the connection in the middle of a body, or before it when asked for ``/nothing``."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                asked = peer.recv(65536)
                if b"/nothing" not in asked:
                    peer.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n")

        thread = Thread(target=answer)
        thread.start()
        yield connect(f"127.0.0.1:{server.getsockname()[1]}")
        thread.join()
