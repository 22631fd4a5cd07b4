"""Ports for engines."""

import socket

import pytest

from hostd.supervisor import launch


def test_a_port_is_free_and_not_given_twice() -> None:
    """A hundred ports in a row are all different, and the last can be listened on."""
    given = [launch.free_port() for _ in range(100)]
    assert 100 == len(set(given))
    with socket.create_server(("127.0.0.1", given[-1])) as server:
        assert given[-1] == server.getsockname()[1]


def test_ports_come_back_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was handed out is forgotten after the quarantine, so that a daemon can run for months."""
    monkeypatch.setattr(launch, "_given", {1: float("-inf"), 2: float("inf")})
    port = launch.free_port()
    assert {2, port} == launch._given.keys()
