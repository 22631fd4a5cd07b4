"""One engine's process: started in a session of its own, its output read without pause, and ended with all its children.

The ladder of `stop`: note which processes belong to the engine, SIGTERM to its group, wait, SIGKILL to the group and to every
noted process, then look again until none is left. Children that made their own session, and those whose parent died, are
found by the mark that every process of the engine inherits (see `engine_family`).
"""

import asyncio
import contextlib
import errno
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil

from hostd.domain.errors import EngineError
from hostd.domain.reason import ExitClass
from hostd.supervisor.engine_family import ENV_MARKER, Survivor, engine_processes, kill, survivors
from hostd.supervisor.process.adopted_process import AdoptedProcess
from hostd.supervisor.process.child_process import ChildProcess
from hostd.supervisor.process.engine_output import EngineOutput
from hostd.supervisor.process.engine_records import EngineRecord
from hostd.supervisor.process.log_ring import LogRing
from hostd.supervisor.process.orphan_reaper import OrphanReaper
from hostd.supervisor.process.own_limits import want_in
from hostd.supervisor.process.process_identity import start_of

_LINGER = 1.0
"""Seconds that the children of an engine have to end after it did at SIGTERM."""
_SETTLE = 5.0
"""Seconds that a killed process may take to disappear before it is reported as stuck in a driver."""
_EXIT_CLASSES = {
    errno.ENOENT: ExitClass.MISSING_FILE,
    errno.EACCES: ExitClass.MISSING_FILE,
    errno.ENOEXEC: ExitClass.MISSING_FILE,
    errno.ENOTDIR: ExitClass.MISSING_FILE,
    errno.E2BIG: ExitClass.BAD_FLAG,
    errno.ENOMEM: ExitClass.OUT_OF_MEMORY,
}
_ADVICE = {
    errno.ENOENT: "it is not there; install it, or correct the backend's command in hostd.yaml",
    errno.EACCES: "it may not be executed; give it the right to (chmod +x), or correct the backend's command in hostd.yaml",
    errno.ENOEXEC: "it is no program for this machine; install a build for this system and processor",
    errno.ENOTDIR: "part of its path is no folder; correct the backend's command in hostd.yaml",
    errno.E2BIG: "its arguments are longer than the system allows; shorten 'args' in the profile",
}


class StopOutcome(StrEnum):
    """How an engine ended when it was stopped."""

    GONE = "gone"
    TERMINATED = "terminated"
    KILLED = "killed"


@dataclass(frozen=True, slots=True)
class StopReport:
    """What `stop` did.

    *how*: the engine had ended already, it ended at SIGTERM, or it had to be killed. *status* is the exit status (negative: that
    signal; None: it has not ended even now). *left* are processes of the engine that no signal ends, which hold its memory.
    """

    how: StopOutcome
    seconds: float
    status: int | None
    left: tuple[Survivor, ...] = ()


class EngineProcess:
    """A running engine; made by `spawn` and `adopt` only. Every method may be called by several tasks at once."""

    def __init__(
        self,
        process: ChildProcess | AdoptedProcess,
        argv: tuple[str, ...],
        mark: str,
        output: EngineOutput,
        reaper: OrphanReaper,
    ) -> None:
        self.argv = argv
        self.mark = mark
        self.pid = process.pid
        # Where it ended already, nothing that the next process with this pid can have.
        self.start = start_of(process.pid) or "-"
        self._process = process
        self._output = output
        self._reaper = reaper
        self._seen: dict[int, psutil.Process] = {}
        self._ending = asyncio.Lock()
        self._left: tuple[Survivor, ...] | None = None

    def __repr__(self) -> str:
        state = "running" if self.status is None else f"exit {self.status}"
        return f"<EngineProcess {os.path.basename(self.argv[0])} pid {self.pid} {state}>"  # noqa: PTH119  # no path, a name

    @classmethod
    async def spawn(
        cls,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        ring: LogRing,
        reaper: OrphanReaper,
        model: str = "",
        lasting: bool = False,
    ) -> "EngineProcess":
        """Start *argv* with exactly *env* (and the mark), its output going to *ring*, watched by *reaper*.

        A *lasting* one can write on when this daemon has ended, so that the next one may adopt it.

        Raises:
            EngineError: The program cannot be started; `exit_class` says whether trying again could help.
        """
        mark = reaper.new_mark()
        try:
            output = EngineOutput.opened(ring, reaper.directory if lasting else None)
        except OSError as error:
            raise _not_started(argv[0], error) from error
        try:
            process = ChildProcess.spawn(argv, {**env, ENV_MARKER: mark}, output=output.theirs)
        except (OSError, ValueError) as error:
            output.close()
            raise _not_started(argv[0], error) from error
        except BaseException:
            output.close()
            raise
        output.listen()
        engine = cls(process, tuple(argv), mark, output, reaper)
        reaper.watch(engine.pid, engine.start, mark, engine.argv[0], model)
        return engine

    @classmethod
    def adopt(cls, record: EngineRecord, *, ring: LogRing, reaper: OrphanReaper) -> "EngineProcess":
        """Return the engine that an earlier daemon left running and recorded, watched by *reaper* from now on.

        Raises:
            OSError: It has ended, or its output cannot be read.
        """
        if record.kept is None:
            raise FileNotFoundError("it was not recorded to be kept")
        process = AdoptedProcess(record.pid, record.start)
        try:
            output = EngineOutput.reopened(ring, Path(record.kept.output))
        except OSError:
            process.release()
            raise
        output.listen()
        engine = cls(process, (record.argv0,), record.mark, output, reaper)
        reaper.watch(engine.pid, engine.start, record.mark, record.argv0, record.model)
        return engine

    @property
    def is_adopted(self) -> bool:
        """Whether an earlier daemon has started it, so that its exit status cannot be had."""
        return isinstance(self._process, AdoptedProcess)

    @property
    def output(self) -> Path | None:
        """Where its output can be read by the next daemon; None where it ends with this one."""
        return self._output.path

    def release(self) -> None:
        """Let it run on without this daemon: it is watched, read and awaited no more."""
        self._output.release()
        self._process.release()

    @property
    def status(self) -> int | None:
        """The exit status (negative: ended by that signal), or None while it runs."""
        return self._process.returncode

    def family(self) -> Iterator[int]:
        """Yield the pids of its processes, its own first. Blocks for some milliseconds once all are asked for."""
        yield self.pid
        yield from (process.pid for process in engine_processes(self.pid, self.start, self.mark))

    async def wait(self) -> int:
        """Return the exit status once the engine's own process has ended and the end of its output is in the ring."""
        status = await self._process.wait()
        self._output.drain()
        return status

    async def stop(self, grace: float) -> StopReport:
        """End the engine and all its children, with *grace* seconds between SIGTERM and SIGKILL."""
        # Two callers at once (a wedge and an unload, say) must not signal twice: the second waits for the first one's result.
        async with self._ending:
            began = time.monotonic()
            how = StopOutcome.GONE
            if self.status is None:
                await self._note_processes()
                self._signal(signal.SIGTERM)
                how = StopOutcome.TERMINATED if await self._ended_within(grace) else StopOutcome.KILLED
            left = await self._sweep()
            return StopReport(how, time.monotonic() - began, self.status, left)

    async def _sweep(self) -> tuple[Survivor, ...]:
        if self._left == ():
            # Swept before: by now its pids may belong to other programs.
            return ()
        deadline = time.monotonic() + _SETTLE
        while True:
            await self._note_processes()
            left = survivors(self._seen.values())
            if not left or time.monotonic() > deadline:
                break
            # The group first, which also reaches children that were forked since the look.
            self._signal(signal.SIGKILL)
            kill(self._seen.values())
            await self._until_gone(0.25)
        await self._close(left)
        return left

    async def _close(self, left: tuple[Survivor, ...]) -> None:
        self._left = left
        if left and self.pid in {survivor.pid for survivor in left}:
            # A process that SIGKILL does not end hangs in a driver; waiting for it would hang hostd, too.
            return
        # The process is gone, or a zombie: its status is only a moment away.
        await self._process.wait()
        self._output.close()
        if not left:
            self._reaper.forget(self.pid)

    async def _note_processes(self) -> None:
        """Note all processes of the engine; one that was noted is remembered, for its parent may have ended by the next look."""
        for process in await asyncio.to_thread(engine_processes, self.pid, self.start, self.mark):
            self._seen[process.pid] = process

    def _signal(self, number: signal.Signals) -> None:
        if self.status is None:
            with contextlib.suppress(OSError):
                self._process.signal(number)
        if number != signal.SIGKILL:
            for process in self._seen.values():
                with contextlib.suppress(psutil.Error, OSError):
                    # Members of the group have the signal already; a second SIGTERM makes some engines abort their clean-up.
                    grouped = self._process.signals_group and os.getpgid(process.pid) == self.pid
                    if not grouped and process.pid != self.pid:
                        process.send_signal(number)

    async def _ended_within(self, grace: float) -> bool:
        """Wait for the engine's own process, then briefly for its children; return whether the former ended in time."""
        deadline = time.monotonic() + grace
        try:
            async with asyncio.timeout(grace):
                await self._process.wait()
        except TimeoutError:
            return False
        await self._until_gone(min(_LINGER, max(0.0, deadline - time.monotonic())))
        return True

    async def _until_gone(self, seconds: float) -> None:
        """Return when all noted processes have ended, or after *seconds*."""
        deadline = time.monotonic() + seconds
        pause = 0.002
        while survivors(self._seen.values()) and time.monotonic() < deadline:
            await asyncio.sleep(pause)
            pause = min(0.05, pause * 2)


def _not_started(program: str, error: OSError | ValueError) -> EngineError:
    code = error.errno if isinstance(error, OSError) else None
    exit_class = ExitClass.BAD_FLAG if code is None else _EXIT_CLASSES.get(code, ExitClass.UNKNOWN)
    want = want_in(error)
    advice = want or _ADVICE.get(code or 0, f"the system says: {error}")
    return EngineError(
        f"cannot start '{program}': {advice}", exit_class=exit_class, status=503, own_want=want is not None
    )
