"""Accepts connections on one listening socket, and says no with a sentence where there is no place for one more.

The event loop's own server is not used: where descriptors are used up, asyncio's writes a traceback for each try, over a hundred
in a turn, and uvloop's stops listening for good.
"""

import asyncio
import errno
import os
import socket
from contextlib import suppress

import structlog

from hostd.domain.errors import CapacityError
from hostd.gateway.http.connections import Connections, peer_of
from hostd.gateway.http.plain_answer import raw_answer

log = structlog.get_logger()

BACKLOG = 1024
"""Connections that the kernel holds while the loop is busy; where it holds no more, a client tries again after a second."""
_AT_ONCE = 32
"""Connections accepted before others have their turn."""
_MOST_OPENING = 4 * _AT_ONCE
"""Connections that are on their way from the kernel to their protocol; `Connections` does not count them yet."""
_PAUSE = 1.0
_TELL_EVERY = 60.0
_RETRY_AFTER = 2.0
_LARGEST_HEAD = 65536

_NO_DESCRIPTOR = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_NOTHING_THERE = frozenset({errno.EAGAIN, errno.EWOULDBLOCK})


class Acceptor:
    """Accepts on *listening*, for *connections*. A descriptor is kept in reserve, to answer with when there is no other."""

    def __init__(self, listening: socket.socket, connections: Connections) -> None:
        self._listening = listening
        self._name = str(listening.getsockname())
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._spare: int | None = None
        self._refused = 0
        self._told_at = -_TELL_EVERY
        self._pause: asyncio.TimerHandle | None = None
        self._opening: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<Acceptor {self._name}>"

    def start(self) -> None:
        """Listen, and accept from now on."""
        self._listening.setblocking(False)
        self._listening.listen(BACKLOG)
        self._keep_spare()
        self._loop.add_reader(self._listening, self._accept)

    def close(self) -> None:
        """Listen no more."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._listening)
        self._listening.close()
        self._drop_spare()

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                client, address = self._listening.accept()
            except OSError as error:
                if error.errno in _NO_DESCRIPTOR:
                    self._refuse_without_descriptor(error)
                if error.errno in _NO_DESCRIPTOR | _NOTHING_THERE:
                    return
                # The client has gone again, or its network has a problem: accept(2) hands over what the new socket would have said.
                continue
            if len(self._opening) < _MOST_OPENING and self._connections.make_room(peer_of(address)):
                client.setblocking(False)
                opening = self._loop.create_task(self._open(client))
                self._opening.add(opening)
                opening.add_done_callback(self._opening.discard)
            elif self._connections.has_share(peer_of(address)):
                self._refuse(client, "clients at this address have as many connections as one address may; close some")
            else:
                self._refuse(client, "its clients have as many connections as it can serve")

    async def _open(self, client: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._connections, client)
        except OSError:
            client.close()

    def _refuse_without_descriptor(self, error: OSError) -> None:
        """Answer one client by the spare descriptor; where even that is not to be had, let some time pass."""
        self._connections.make_room()
        self._drop_spare()
        try:
            client, _ = self._listening.accept()
        except OSError:
            self._stop_for_a_while()
        else:
            self._refuse(client, f"the system gives hostd no further descriptor ({os.strerror(error.errno or 0)})")
        self._keep_spare()

    def _refuse(self, client: socket.socket, why: str) -> None:
        answer = raw_answer(
            CapacityError(f"hostd is too busy: {why}", code="too_many_connections", retry_after=_RETRY_AFTER)
        )
        with client, suppress(OSError):
            client.setblocking(False)
            # What has come unread would have the kernel throw the answer away.
            with suppress(BlockingIOError):
                client.recv(_LARGEST_HEAD)
            client.send(answer)
            client.shutdown(socket.SHUT_WR)
        self._refused += 1
        if (now := self._loop.time()) - self._told_at >= _TELL_EVERY:
            log.warning("connections_refused", count=self._refused, why=why, connections=repr(self._connections))
            self._told_at, self._refused = now, 0

    def _stop_for_a_while(self) -> None:
        self._loop.remove_reader(self._listening)
        self._pause = self._loop.call_later(_PAUSE, self._loop.add_reader, self._listening, self._accept)

    def _keep_spare(self) -> None:
        if self._spare is None:
            with suppress(OSError):
                self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def _drop_spare(self) -> None:
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None
