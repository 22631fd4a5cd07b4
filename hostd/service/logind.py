"""Has systemd's logind delay the machine's sleep until graphics cards are empty, and tell when it is awake again.

logind waits for programs that hold a delay lock, as any user's may, for some seconds (``InhibitDelayMaxSec=``, 5 by default). It
announces the sleep by a signal on the system bus; the lock is a descriptor, and to close it says that this program is done.
"""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from hostd.service.logind_bus import LogindBus

log = structlog.get_logger()

_AGAIN_AFTER = 30.0
_SPARE = 0.5
"""Seconds of the delay that are left for closing the lock."""

Prepare = Callable[[float], Awaitable[None]]


class SleepDelay:
    """Holds the lock; has *prepare* empty the cards, within the seconds that it is given, and *resumed* told of each return.

    A thread of its own reads the bus.
    """

    def __init__(self, prepare: Prepare, resumed: Callable[[], None]) -> None:
        self._prepare = prepare
        self._resumed = resumed
        self._loop = asyncio.get_running_loop()
        self._closed = threading.Event()
        self._bus: LogindBus | None = None
        self._delay = 0.0
        self._told: str | None = None
        self._preparing: Future[None] | None = None

    def __repr__(self) -> str:
        return f"<SleepDelay of {self._delay:g} s>"

    def start(self) -> None:
        """Begin to listen; where there is no bus, or no logind, nothing follows but one line in the log."""
        threading.Thread(target=self._listen, name="logind", daemon=True).start()

    def close(self) -> None:
        """Listen no more, and delay nothing."""
        self._closed.set()
        if self._preparing is not None:
            self._preparing.cancel()
        if self._bus is not None:
            self._bus.shut()

    def _listen(self) -> None:
        from hostd.service.logind_bus import LogindBus  # noqa: PLC0415 - where there are cards, and a bus

        while not self._closed.is_set():
            try:
                with closing(LogindBus()) as self._bus:
                    self._follow(self._bus)
            except Exception as error:  # noqa: BLE001 - whatever a bus answers, hostd serves on, and the clocks show a sleep as well
                self._tell_once(str(error) or type(error).__name__)
            self._closed.wait(_AGAIN_AFTER)

    def _tell_once(self, why: str) -> None:
        if not self._closed.is_set() and why != self._told:
            self._told = why
            log.info("suspend_not_announced", why=why, hint="after a sleep of the machine, engines on cards are proved")

    def _follow(self, bus: "LogindBus") -> None:
        """Take the lock, and follow announcements until the connection ends."""
        self._delay = bus.longest_delay()
        lock: int | None = bus.take_lock()
        self._told = None
        log.info("suspend_watched", delay_s=self._delay)
        try:
            while not self._closed.is_set():
                sleeps = bus.next_announcement()
                if sleeps and lock is not None:
                    self._wait_until_prepared()
                    os.close(lock)
                    lock = None
                elif not sleeps:
                    lock = bus.take_lock() if lock is None else lock
                    self._loop.call_soon_threadsafe(self._resumed)
        finally:
            if lock is not None:
                os.close(lock)

    def _wait_until_prepared(self) -> None:
        seconds = max(_SPARE, self._delay - _SPARE)

        async def prepared() -> None:
            await self._prepare(seconds)

        self._preparing = asyncio.run_coroutine_threadsafe(prepared(), self._loop)
        # Whatever goes wrong there, the machine is not to wait for it.
        with suppress(Exception):
            self._preparing.result(seconds)
