"""hostd with a clock in its event loop: each of its callbacks that comes late tells for how long the loop stood still.

Run as a program: a file, then hostd's own words. Into the file it writes a line each 10 ms: by how many ms a callback was late,
without the time for which the main thread could have run and had no processor, where Linux tells that (proc_pid_schedstat).
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from fuzzing.pinger import starved

from hostd import daemon
from hostd.__main__ import main

EVERY = 0.01


class Heartbeat:
    """Calls itself each `EVERY` seconds on *loop*, and writes to *output* how late it was."""

    def __init__(self, loop: asyncio.AbstractEventLoop, output: IO[str], pid: int) -> None:
        self._loop, self._output, self._pid = loop, output, pid
        self._due, self._starved = time.monotonic() + EVERY, starved(pid)
        loop.call_later(EVERY, self._beat)

    def _beat(self) -> None:
        now, waited = time.monotonic(), starved(self._pid)
        late = 1000 * (now - self._due) - (waited - self._starved)
        self._output.write(f"{max(0.0, late):.1f}\n")
        self._due, self._starved = now + EVERY, waited
        self._loop.call_later(EVERY, self._beat)


LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def watched(choose: Callable[[], LoopFactory | None], path: Path) -> Callable[[], LoopFactory]:
    """Return what chooses the loop that *choose* would, with a heartbeat that is written to *path*."""

    def make() -> asyncio.AbstractEventLoop:
        loop = (choose() or asyncio.new_event_loop)()
        # Its next call, which the loop knows, keeps it.
        Heartbeat(loop, path.open("w", buffering=1), os.getpid())
        return loop

    return lambda: make


if __name__ == "__main__":
    file = Path(sys.argv.pop(1))
    daemon._loop_factory = watched(daemon._loop_factory, file)  # noqa: SLF001 - nothing public stands between hostd and its loop
    sys.exit(main())
