"""The daemon's events as a client reads them."""

from http.server import BaseHTTPRequestHandler

import pytest

from hostd.cli.client import connect
from hostd.cli.event_stream import DaemonEvent, follow_events
from hostd.cli.exits import VerbError
from tests.cli.recorded import Daemon

STREAM = 'event: hello\ndata: {"version":"1"}\n\n: alive\n\nevent: past\ndata: {"past":[]}\n\nid: 1-2-3\n\n'


def test_events_are_yielded_in_order(daemon: Daemon) -> None:
    """With their names; comments and ids are no events."""
    daemon.on("GET /hostd/v1/events?last=7&only=past%2Cmodels", STREAM)
    found = list(follow_events(connect(daemon.url), only=("past", "models"), last=7))
    assert [DaemonEvent("hello", {"version": "1"}), DaemonEvent("past", {"past": []})] == found


def test_what_is_no_event_of_a_daemon_is_said(daemon: Daemon) -> None:
    """Another program that streams, too, is no hostd."""
    daemon.on("GET /hostd/v1/events?last=50", "data: [1]\n\n")
    with pytest.raises(VerbError, match="another hostd"):
        list(follow_events(connect(daemon.url)))


def test_a_connection_that_breaks_is_said(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence for longer than the daemon is ever silent counts as that."""
    monkeypatch.setattr("hostd.cli.event_stream._SILENCE", 0.2)

    def stream(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b'event: hello\ndata: {"version":"1"}\n\n')
        handler.wfile.flush()
        handler.rfile.read(1)  # until the client has gone

    daemon.answers["GET /hostd/v1/events?last=50"] = stream
    events = follow_events(connect(daemon.url))
    assert "hello" == next(events).name
    with pytest.raises(VerbError, match="broke off"):
        next(events)
