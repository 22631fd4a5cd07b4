"""The machine's sleep: cards are emptied before it, and what was on them is proved or loaded again after it."""

import asyncio
import sys
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import structlog

from hostd.domain.host import PoolKind
from hostd.gateway.context import AppContext
from hostd.runtime.sleep_clock import SleepClock
from hostd.scheduling.events import HostResumed, SuspendAnnounced
from hostd.service.logind import SleepDelay

log = structlog.get_logger()

_BUS = Path("/run/dbus/system_bus_socket")
_OF_ANSWERS = 0.5
"""Share of the time before a sleep that running answers get; the rest is for engines to end in."""


class HostSleep:
    """Tells the scheduler of *app* when the machine is about to sleep, and when it is awake again."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self.clock = SleepClock(self._slept)

    def follow(self, stack: AsyncExitStack) -> None:
        """Begin, until *stack* is closed; without cards nothing can be lost, and nobody is asked to announce a sleep."""
        stack.callback(asyncio.create_task(self.clock.run(), name="sleep clock").cancel)
        host, cards = self._app.memory.host, self._app.memory.cards
        on_cards = host is not None and any(pool.kind is PoolKind.VRAM for pool in host.pools)
        if sys.platform == "linux" and _BUS.exists() and (on_cards or cards.awaited):
            delay = SleepDelay(self.before, self.after)
            stack.callback(delay.close)
            delay.start()

    async def before(self, seconds: float) -> None:
        """Empty the cards within *seconds*: running answers get a part of them."""
        log.warning("host_suspends", seconds=seconds)
        self._app.dispatcher.post(SuspendAnnounced(seconds * _OF_ANSWERS))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while any(instance.on_card for instance in self._app.instances.values()):
                    await self._app.dispatcher.changed()

    def after(self) -> None:
        """Have what was on cards loaded again, or proved where it still runs; the cards are measured anew."""
        # What the clocks will show is known by now.
        self.clock.forget()
        self._resumed(None)

    def _slept(self, seconds: float) -> None:
        self._resumed(seconds)

    def _resumed(self, seconds: float | None) -> None:
        log.warning("host_resumed", slept_s=None if seconds is None else round(seconds, 1))
        self._app.memory.measure_soon()
        self._app.dispatcher.post(HostResumed())
