"""A process that an earlier daemon started: it is no child of this one, which sees that it ends, and never how."""

import asyncio
import os
import signal
from contextlib import suppress

from hostd.supervisor.process.process_identity import is_same

_LOOK_EVERY = 0.25
"""Seconds between two looks, where the system has no pidfd."""


class AdoptedProcess:
    """The process *pid* that began at *start* (`process_identity`); needs the running loop.

    Raises:
        ProcessLookupError: It has ended; whatever has its pid is another one.
    """

    signals_group = False
    """Its group's number is kept for it by nobody, so only the process itself is signalled."""

    def __init__(self, pid: int, start: str) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._start = start
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._pidfd = _pidfd(pid)
        # After the descriptor was opened, which means one process for good: what is the same now stays so.
        if not is_same(pid, start):
            self._close()
            raise ProcessLookupError(f"pid {pid} is no longer the process that was recorded")
        if self._pidfd >= 0:
            self._loop.add_reader(self._pidfd, self._end_seen)
        else:
            self._looking = self._loop.create_task(self._look(), name=f"look at {pid}")

    async def wait(self) -> int:
        """Return 0 once it has ended, however it did."""
        await self._ended.wait()
        return 0

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, and nothing else that may have its pid by now.

        Raises:
            OSError: It has ended.
        """
        if self._pidfd >= 0:
            signal.pidfd_send_signal(self._pidfd, number)
        elif is_same(self.pid, self._start):
            os.kill(self.pid, number)

    def release(self) -> None:
        """Watch it no more."""
        if self._looking is not None:
            self._looking.cancel()
        self._close()

    def _end_seen(self) -> None:
        self._close()
        self.returncode = 0
        self._ended.set()

    def _close(self) -> None:
        if self._pidfd >= 0:
            with suppress(ValueError):
                self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    async def _look(self) -> None:
        while await asyncio.to_thread(is_same, self.pid, self._start):  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(_LOOK_EVERY)
        self._end_seen()


def _pidfd(pid: int) -> int:
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        raise
    except (AttributeError, OSError):  # not on Linux, or not allowed
        return -1
