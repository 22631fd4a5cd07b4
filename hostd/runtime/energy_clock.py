"""Has what the machine's cards took written down each minute."""

import asyncio
import time
from collections.abc import Callable

from hostd.background_tasks import cancel_all
from hostd.telemetry.sinks import EnergyRecord

EVERY = 60.0
"""Seconds between two readings."""


class EnergyClock:
    """Reads *taken*, the joules since it was called last (None: not known), and has *keep* write them down."""

    def __init__(self, taken: Callable[[], float | None], keep: Callable[[EnergyRecord], None]) -> None:
        self._taken = taken
        self._keep = keep
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Read from now on, where anything can be read; needs the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="energy")

    async def close(self) -> None:
        """Read no more."""
        await cancel_all(self._task)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._taken)
        last = loop.time()
        while True:
            await asyncio.sleep(EVERY)
            joules, now = await asyncio.to_thread(self._taken), loop.time()
            if joules is not None:
                self._keep(EnergyRecord(time.time(), joules, now - last))
            last = now
