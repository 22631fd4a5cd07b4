"""The wait for cards whose driver is not up yet when hostd starts: at boot a service may be faster than the kernel's modules."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from hostd.scheduling.events import MemoryMeasured

log = structlog.get_logger()

LOOK_EVERY = 1.0


class CardWait:
    """Measures with *measure* until nothing is *awaited* any more, for *patience* seconds at most."""

    def __init__(
        self,
        measure: Callable[[], Awaitable[MemoryMeasured]],
        awaited: Callable[[], Sequence[str]],
        patience: float,
    ) -> None:
        self._measure = measure
        self._awaited = awaited
        self._patience = patience

    async def run(self) -> MemoryMeasured:
        """Return the memory as it is after the wait; plans are made without the cards that have not come."""
        loop = asyncio.get_running_loop()
        began, found = loop.time(), await self._measure()
        first = self._awaited()
        if first and self._patience > 0:
            log.warning("waiting_for_cards", why=list(first), seconds=self._patience)
        while self._awaited() and (left := began + self._patience - loop.time()) > 0:
            await asyncio.sleep(min(LOOK_EVERY, left))
            found = await self._measure()
        if self._awaited():
            log.warning(
                "cards_missing", why=list(self._awaited()), hint="models are loaded without them until they come"
            )
        elif first:
            log.info("cards_found", seconds=round(loop.time() - began, 1))
        return found
