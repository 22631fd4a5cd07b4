"""All clients' connections: bounded in number, and looked after by one clock."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from hostd.gateway.http.connection import ClientConnection, Phase

MOST = 4096
"""Connections; thousands of agents on one machine share a few each, and each costs some ten kilobytes."""
_FOR_OTHERS = 4
"""One part in so many is never one peer's: whoever floods one address leaves room for the others, and at a unix socket.

A peer is an address. Processes behind one are not told apart: whose a connection is the system tells by a search of all of them.
"""
_OWN_DESCRIPTORS = 64
"""Files, pipes and sockets that hostd itself needs beside one connection to an engine for each client."""
_SHARE = 16
_LOOK_EVERY, _BETWEEN = 1.0, 0.05
_LOOK_AT = 256
"""Connections that are looked at in one turn of the loop, in a millisecond or two."""
_LEAST = 8
_MOMENT = 0.02


def peer_of(address: object) -> str:
    """Return who a client at *address* counts as: its host, or the empty text for all at a unix socket."""
    return str(address[0]) if isinstance(address, tuple) else ""


def bound_for(descriptors: int) -> int:
    """Return how many connections clients may have where the process may have so many *descriptors*.

    Each may need another one to an engine, and what clients hold must never keep an engine from being started or asked.
    """
    return max(_LEAST, min(MOST, (descriptors - _OWN_DESCRIPTORS) // 2))


class Connections(web.Server):
    """Makes a connection for each client, *most* at a time, and closes those that keep a place without using it."""

    def __init__(
        self, answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], *, most: int = MOST, **options: Any
    ) -> None:
        super().__init__(answer, handler_cancellation=True, **options)
        self.most = most
        self.most_of_one = most - most // _FOR_OTHERS
        self._clock: asyncio.TimerHandle | None = None
        self._unseen: list[ClientConnection] = []
        self._peers = Counter[str]()

    def __repr__(self) -> str:
        return f"<Connections {len(self._connections)} of {self.most}>"

    def __call__(self) -> ClientConnection:
        """Return a new connection."""
        return ClientConnection(self, loop=self._loop)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Take *handler* among the connections that the clock looks after."""
        super().connection_made(handler, transport)
        if isinstance(handler, ClientConnection):
            handler.peer = peer_of(transport.get_extra_info("peername"))
            self._peers[handler.peer] += 1
        if self._clock is None:
            self._clock = self._loop.call_later(_LOOK_EVERY, self._look)

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """Count *handler* no longer."""
        super().connection_lost(handler, exc)
        if isinstance(handler, ClientConnection):
            self._peers[handler.peer] -= 1
            if not self._peers[handler.peer]:
                del self._peers[handler.peer]

    def has_share(self, peer: str) -> bool:
        """Return whether *peer* has as many connections as one may."""
        return self._peers[peer] >= self.most_of_one

    def make_room(self, peer: str = "") -> bool:
        """Return whether *peer* can have one more connection, after closing some that only wait where there are too many.

        Where *peer* has its whole share already, it is its own connections that give place.
        """
        crowding = self.has_share(peer)
        if len(self._connections) < self.most and not crowding:
            return True
        some = [each for each in self._open() if not crowding or each.peer == peer]
        waiting = sorted((each.phase, each.since, id(each), each) for each in some if each.phase < Phase.ANSWER)
        if not waiting:
            return False
        # Some at a time, so that a flood of newcomers does not sort them all for each; of the least useful kind only.
        useless = [each for phase, _, _, each in waiting if phase == waiting[0][0]][: max(1, self.most // _SHARE)]
        for each in useless:
            each.give_place()
        return True

    async def first_requests(self, seconds: float) -> None:
        """Wait until each client that has connected has sent a request, but no longer than so many *seconds*.

        One that connected a moment before the daemon stops has been promised an answer by the kernel.
        """
        deadline = self._loop.time() + seconds
        while self._loop.time() < deadline:
            # At first, connections that were accepted just now are on their way to here.
            await asyncio.sleep(_MOMENT)
            if not any(each.phase in (Phase.OPENED, Phase.HEAD) for each in self._open()):
                return

    def _open(self) -> list[ClientConnection]:
        return [each for each in self._connections if isinstance(each, ClientConnection) and each.connected]

    def _look(self) -> None:
        """Look at some connections after the other, and then at all of them again."""
        now = self._loop.time()
        if not self._unseen:
            self._unseen = self._open()
        some, self._unseen = self._unseen[:_LOOK_AT], self._unseen[_LOOK_AT:]
        pause = _BETWEEN if self._unseen else _LOOK_EVERY
        self._clock = self._loop.call_later(pause, self._look) if self._connections else None
        for connection in some:
            connection.look(now)
