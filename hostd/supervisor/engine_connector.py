"""Connections to one engine: over its socket, or to its port as long as the engine itself listens there."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakSet

import aiohttp

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

KEEP_CONNECTIONS = 3.0
"""Seconds that an idle connection is kept: fewer than the five after which llama-server closes it, so that a request rarely meets
a connection that is just being closed."""


def connector(socket: str | None = None, held: Callable[[], bool] | None = None) -> aiohttp.BaseConnector:
    """Return what connects to *socket*, or over TCP, where *held* tells whether the engine still has its port."""
    # The scheduler limits requests by slots; a limit here would queue them where no time limit sees them.
    if socket is not None:
        return aiohttp.UnixConnector(socket, limit=0, keepalive_timeout=KEEP_CONNECTIONS)
    if held is not None:
        return _ProvenConnector(held)
    return aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_CONNECTIONS)


class _ProvenConnector(aiohttp.TCPConnector):
    """Asks *held* after each new connection: if the engine has held its port until now, it is the engine that was reached."""

    def __init__(self, held: Callable[[], bool]) -> None:
        super().__init__(limit=0, keepalive_timeout=KEEP_CONNECTIONS)
        self._held = held
        self._proven: WeakSet[ResponseHandler] = WeakSet()

    async def connect(
        self,
        req: "ClientRequest",
        traces: "list[Trace]",
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - as aiohttp calls it
    ) -> "Connection":
        """Return a connection for *req*, before any of it is sent.

        Raises:
            aiohttp.ClientConnectionError: Somebody else has the port by now.
        """
        connection = await super().connect(req, traces, timeout)
        protocol = connection.protocol
        if protocol is not None and protocol not in self._proven:
            if not self._held():
                connection.close()
                raise aiohttp.ClientConnectionError("the engine no longer listens on its port")
            self._proven.add(protocol)
        return connection
