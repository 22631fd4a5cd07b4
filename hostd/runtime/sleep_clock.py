"""Whether the machine has slept, by two clocks of which one goes on meanwhile: it is seen even where nothing announces it."""

import asyncio
import sys
import time
from collections.abc import Callable

LOOK_EVERY = 1.0
LEAST = 1.0
"""Seconds of sleep that count: clocks are read one after the other."""


def seconds_slept() -> float:
    """Return for how many seconds the machine has slept since it was started; 0.0 where the system does not tell."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
    if sys.platform == "darwin":
        return time.clock_gettime(time.CLOCK_MONOTONIC) - time.clock_gettime(time.CLOCK_UPTIME_RAW)
    return 0.0


class SleepClock:
    """Calls *resumed* with the seconds that the machine has slept, after each sleep; *slept* tells how much that is in all."""

    def __init__(self, resumed: Callable[[float], None], slept: Callable[[], float] = seconds_slept) -> None:
        self._resumed = resumed
        self._slept = slept
        self._known = slept()

    def __repr__(self) -> str:
        return f"<SleepClock {self._known:.0f} s slept>"

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            self.look()

    def look(self) -> None:
        """Compare the clocks now."""
        slept = self.forget()
        if slept >= LEAST:
            self._resumed(slept)

    def forget(self) -> float:
        """Return for how many seconds the machine has slept since the last look, and take them for told."""
        before, self._known = self._known, self._slept()
        return self._known - before
