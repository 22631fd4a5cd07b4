"""Sees when a server that hostd does not run has gone away: its health page is asked now and then, and soon again when silent."""

import asyncio
from collections.abc import Awaitable, Callable

from hostd.runtime.watchdog import Pace


class Presence:
    """Watches one attached server from its readiness on. Its answers are its owner's business: only health is asked for."""

    def __init__(self, healthy: Callable[[], Awaitable[bool]], pace: Pace) -> None:
        self._healthy = healthy
        self._pace = pace
        self._loop = asyncio.get_running_loop()
        self._seen = self._loop.time()
        self._suspected = asyncio.Event()

    def progress(self) -> None:
        """Note that a request got something out of the server just now."""
        self._seen = self._loop.time()

    def suspect(self) -> None:
        """Note that a request failed there: look now."""
        self._suspected.set()

    async def wedged(self) -> str:
        """Return, once the server has been away for `Pace.patience` seconds, a sentence that says so."""
        while True:
            await self._pause()
            silent_since = self._loop.time()
            while not await self._there():
                if self._loop.time() - silent_since >= self._pace.patience:
                    return (
                        f"the server has gone away: its health page has not answered for {self._pace.patience:g} s; "
                        "see that it runs, and hostd will find it again"
                    )
                await asyncio.sleep(self._pace.patience / 10)
            self.progress()

    async def _pause(self) -> None:
        """Wait until nothing has been heard of the server for an interval, or somebody suspects it."""
        while (left := self._seen + self._pace.interval - self._loop.time()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._suspected.wait()
            except TimeoutError:
                continue
            break
        self._suspected.clear()

    async def _there(self) -> bool:
        try:
            async with asyncio.timeout(self._pace.patience):
                return await self._healthy()
        except TimeoutError:
            return False
