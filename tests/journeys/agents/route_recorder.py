"""Passes connections on to a server, and writes down which routes were asked for."""

import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_REQUEST = re.compile(rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (\S+) HTTP/1\.[01]\r\n")
_BLOCK = 1 << 16


@dataclass
class RouteRecorder:
    """*url* takes the place of the server's; *routes* are what was asked for there, as ``METHOD /path``, in order."""

    url: str
    routes: list[str] = field(default_factory=list)

    def counted(self) -> dict[str, int]:
        """Return how often each route was asked for, hostd's own left out, without queries."""
        found = [route.partition("?")[0] for route in self.routes]
        return {route: found.count(route) for route in dict.fromkeys(found) if " /hostd/" not in route}


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


@contextmanager
def recording(server_url: str) -> Iterator[RouteRecorder]:
    """Stand before the server at *server_url* for as long as the block lasts."""
    there = urlsplit(server_url)
    assert there.hostname is not None
    target = there.hostname, there.port or 80
    recorder = RouteRecorder("")

    class Passing(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(target) as server:
                threading.Thread(target=_pump, args=(server, self.request, None), daemon=True).start()
                _pump(self.request, server, recorder.routes)

    with _Server(("127.0.0.1", 0), Passing) as tap:
        recorder.url = f"http://127.0.0.1:{tap.server_address[1]}"
        thread = threading.Thread(target=tap.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield recorder
        finally:
            tap.shutdown()
            thread.join()


def _pump(source: socket.socket, sink: socket.socket, routes: list[str] | None) -> None:
    with suppress(OSError):
        while block := source.recv(_BLOCK):
            # A client writes the head of a request at once, so that one begins a block or there is none in it.
            if routes is not None and (head := _REQUEST.match(block)):
                routes.append(b" ".join(head.groups()).decode())
            sink.sendall(block)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
