"""Child processes that start alike on every event loop.

uvloop starts programs through `execvp`, which runs a file of an unknown format with a shell and ends an argument at a NUL byte;
and it writes to pipes only when the loop comes round. Both matter here, so children are started by `subprocess` itself, and only
their end is awaited on the loop: through a pidfd where the system has them, else in a thread.
"""

import asyncio
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import IO


class ChildProcess:
    """A running child in a session of its own; made by `spawn` only."""

    def __init__(self, popen: "subprocess.Popen[bytes]") -> None:
        self.pid = popen.pid
        self.returncode: int | None = None
        self._popen = popen
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        try:
            self._pidfd = os.pidfd_open(self.pid)
        except (AttributeError, OSError):  # not on Linux, or not allowed
            self._pidfd = -1
            threading.Thread(target=self._wait_in_thread, name=f"wait for {self.pid}", daemon=True).start()
        else:
            self._loop.add_reader(self._pidfd, self._end_seen)

    @classmethod
    def spawn(
        cls, argv: Sequence[str], env: Mapping[str, str], *, output: int, stdin: int = subprocess.DEVNULL
    ) -> "ChildProcess":
        """Start *argv* with exactly *env*, both of its outputs going to *output*; needs the running loop.

        Without *stdin* it has none: an engine that reads a terminal would be stopped by it.

        Raises:
            OSError: The program cannot be started.
            ValueError: An argument cannot be passed.
        """
        return cls(
            subprocess.Popen(  # noqa: S603 - what to start is the owner's, and no shell sees it
                argv,
                stdin=stdin,
                stdout=output,
                stderr=output,
                env=dict(env),
                # The daemon's own folder may be unmounted or removed while the child runs.
                cwd="/",
                # Its own session: Ctrl-C in the daemon's terminal does not reach it, and one signal reaches its group.
                start_new_session=True,
                bufsize=0,
            )
        )

    @property
    def stdin(self) -> IO[bytes] | None:
        """The writing end of its input, where that is a pipe; what is written there is in the pipe at once."""
        return self._popen.stdin

    async def wait(self) -> int:
        """Return the exit status (negative: ended by that signal) once it has ended."""
        await self._ended.wait()
        return -1 if self.returncode is None else self.returncode

    def _end_seen(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._over(self._popen.wait())

    def _wait_in_thread(self) -> None:
        status = self._popen.wait()
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._over, status)

    def _over(self, status: int) -> None:
        self.returncode = status
        self._ended.set()
