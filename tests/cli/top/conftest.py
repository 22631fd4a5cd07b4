"""A daemon that tells all that there is to show, and goes on."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from threading import Event

import pytest

from tests.cli.recorded import Daemon
from tests.cli.top.told import stream

PATH = "GET /hostd/v1/events?last=100"


@pytest.fixture
def over(daemon: Daemon) -> Iterator[Event]:
    """Have the daemon tell all, and go on until this is set."""
    ends = Event()

    def tell(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(stream().encode())
        handler.wfile.flush()
        ends.wait(60)

    daemon.answers[PATH] = tell
    yield ends
    ends.set()
