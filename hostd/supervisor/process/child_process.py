"""Child processes that start alike on every event loop.

uvloop starts programs through `execvp`, which runs a file of an unknown format with a shell and ends an argument at a NUL byte;
and it writes to pipes only when the loop comes round. Both matter here, so children are started by `hostd.programs`, and only
their end is awaited on the loop: through a pidfd where the system has them, else in a thread.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Collection, Mapping, Sequence
from typing import IO

from hostd.programs import NOTHING, Program, start_program


class ChildProcess:
    """A running child in a session of its own; made by `spawn` only."""

    signals_group = True

    def __init__(self, program: Program) -> None:
        self.pid = program.pid
        self.returncode: int | None = None
        self._program = program
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
        cls,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        output: int,
        stdin: int = NOTHING,
        blocked: Collection[signal.Signals] = (),
    ) -> "ChildProcess":
        """Start *argv* with exactly *env*, both of its outputs going to *output*; needs the running loop.

        *stdin* and *blocked* are those of `start_program`.

        Raises:
            OSError: The program cannot be started.
            ValueError: An argument cannot be passed.
        """
        return cls(start_program(argv, env, stdin=stdin, stdout=output, stderr=output, blocked=blocked))

    @property
    def stdin(self) -> IO[bytes] | None:
        """The writing end of its input, where that is a pipe; what is written there is in the pipe at once."""
        return self._program.stdin

    async def wait(self) -> int:
        """Return the exit status (negative: ended by that signal) once it has ended."""
        await self._ended.wait()
        return -1 if self.returncode is None else self.returncode

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its group.

        Raises:
            OSError: The group is gone.
        """
        # Until the leader has been waited for, the kernel gives its pid and its group's number to no other process.
        os.killpg(self.pid, number)

    def release(self) -> None:
        """Watch it no more; it is to outlive this process."""
        # Or Python would complain of a child that was never waited for.
        self._program.returncode = 0
        if self._pidfd >= 0 and self.returncode is None:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    def _end_seen(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._pidfd = -1
        self._over(self._program.wait())

    def _wait_in_thread(self) -> None:
        status = self._program.wait()
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._over, status)

    def _over(self, status: int) -> None:
        self.returncode = status
        self._ended.set()
