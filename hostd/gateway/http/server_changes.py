"""New settings of the server while it answers: addresses are opened and closed, and everything else holds for the next request."""

import asyncio
from collections.abc import Callable
from functools import partial

from aiohttp import web

from hostd import owner_key
from hostd.domain.catalog import Catalog
from hostd.domain.errors import HostdError
from hostd.domain.profile import LISTEN, Settings
from hostd.domain.settings_changes import keys_from_now_on
from hostd.gateway.http.key_ring import KeyRing, opened_ring
from hostd.gateway.http.listeners import close_listeners, open_listeners
from hostd.gateway.http.passed_sockets import covers
from hostd.gateway.http.server import HttpServer


class ServerChanges:
    """Changes *server* and where *runner* has it listen, which *addresses* tell."""

    def __init__(
        self,
        catalog: Catalog,
        server: HttpServer,
        runner: web.ServerRunner,
        addresses: list[str],
    ) -> None:
        self._catalog = catalog
        self._server = server
        self._runner = runner
        self._addresses = addresses
        self._closing: set[asyncio.Task[None]] = set()

    async def prepare(self, new: Settings) -> Callable[[], None]:
        """Listen where *new* says so and the settings in force do not, and read its keys; return what puts the rest in force.

        Raises:
            HostdError: An address cannot be had, or the keys cannot be read; all is as it was.
        """
        old = self._catalog.settings
        added = [each for each in new.listen if each not in old.listen and not covers(self._addresses, each)]
        before, keys = self._server.keys, keys_from_now_on(old, new)
        ring = before if keys == old.keys else await asyncio.to_thread(opened_ring, keys)
        # First, so that a new address of the network answers nobody without one.
        self._server.reconfigure(old.listen, old.server, ring)
        try:
            opened = await open_listeners(self._runner, added, optional=LISTEN[1:] if new.listen == LISTEN else ())
        except HostdError:
            await close_listeners(self._runner, added)
            self._server.reconfigure(old.listen, old.server, before)
            raise
        gone = [each for each in old.listen if each not in new.listen]
        return partial(self._put_in_force, new, opened, gone, ring)

    def _put_in_force(self, new: Settings, opened: tuple[str, ...], gone: list[str], ring: KeyRing | None) -> None:
        self._server.reconfigure(new.listen, new.server, ring)
        self._addresses.extend(opened)
        # What the client of this very reload reads its answer from goes on, too: only what listens is closed.
        closing = asyncio.get_running_loop().create_task(self._close(gone), name="close addresses")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _close(self, gone: list[str]) -> None:
        closed = await close_listeners(self._runner, gone)
        self._addresses[:] = [each for each in self._addresses if each not in closed]
        owner_key.leave(None if self._server.keys is None else self._server.keys.own, self._addresses)
