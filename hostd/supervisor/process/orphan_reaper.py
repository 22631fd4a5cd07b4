"""Ends every engine when the daemon ends, even after `kill -9`.

Three measures, each for what the one before misses:

1. A child of the daemon (`orphan_reaper_child`) reads from a pipe that only the daemon holds. However the daemon ends, the pipe
   ends with it, and the child kills every engine that it was told of.
2. Every engine carries a mark in its environment, which its own children inherit. So a process that made its own session
   and whose parent died is still found, and so is an engine that was started an instant before the daemon ended.
3. A record of each engine on disk. If the child died together with the daemon (the machine ran out of memory, say), the next
   start of hostd goes by the records, and by the marks where the disk was full, and kills what is left (`leftovers`).

An engine that its owner wants to outlive the daemon is taken out of all three by `keep`, once its record is on the disk.
"""

import asyncio
import contextlib
import itertools
import os
import secrets
import signal
import sys
from dataclasses import replace
from pathlib import Path

import structlog

from hostd.background_tasks import cancel_all
from hostd.private_files import make_private_folder, why_unwritable
from hostd.programs import NOTHING, PIPE
from hostd.supervisor.process import engine_records
from hostd.supervisor.process.child_process import ChildProcess
from hostd.supervisor.process.engine_records import EngineRecord, KeptLaunch, Mark, folder_id, pid_namespace
from hostd.supervisor.process.process_identity import boot_id, start_of

_END_REQUESTS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
"""Signals that ask a program to end. The child never sees them, not even before its program runs: it ends when the daemon does."""

_log = structlog.get_logger(__name__)


class OrphanReaper:
    """Keeps the child running and informed, and the records in *directory* true."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._daemon = os.getpid(), start_of(os.getpid()) or ""
        self._token = secrets.token_hex(8)
        self._folder = folder_id(directory)
        self._numbers = itertools.count(1)
        self._watched: dict[int, EngineRecord] = {}
        self._kept: set[int] = set()
        self._told = False
        self._child: ChildProcess | None = None
        self._watching: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Reaper {f'pid {self.pid}' if self.pid else 'not running'}, watching {len(self._watched)}>"

    @property
    def pid(self) -> int | None:
        """The child's pid, or None while there is no child."""
        return self._child.pid if self._child and self._child.returncode is None else None

    def new_mark(self) -> str:
        """Return a mark for one engine's environment; the child knows how all marks of this daemon begin."""
        return f"{self._marks}{next(self._numbers)}"

    @property
    def _marks(self) -> str:
        """What all marks of this daemon begin with."""
        return str(Mark(*self._daemon, pid_namespace(), self._folder, f"{self._token}-"))

    async def start(self) -> None:
        """Start the child, and start it again whenever it dies.

        Raises:
            OSError: No process can be started.
        """
        with contextlib.suppress(OSError):
            # Without a directory, each record that could not be written is logged.
            make_private_folder(self.directory.parent)
            make_private_folder(self.directory)
        # Where nothing can be written to the state folder at all, its lock has said so.
        self._told = why_unwritable(self.directory.parent) is not None
        self._spawn()
        self._watching = asyncio.create_task(self._keep(), name="reaper")

    def watch(self, pid: int, start: str, mark: str, program: str, model: str) -> None:
        """Make the engine that *pid* has led since *start*, and all its processes, die with this daemon; effective on return.

        *mark* is what its environment says in `ENV_MARKER`, *program* what was executed.
        """
        daemon_pid, daemon_start = self._daemon
        record = EngineRecord(pid, start, boot_id(), mark, daemon_pid, daemon_start, program, model)
        self._watched[pid] = record
        self._tell(_watch_line(record))
        try:
            engine_records.write(self.directory, record)
        except OSError as error:
            # The child still watches this engine, and the next start finds its mark: a full disk is no reason not to serve.
            path = engine_records.path_of(self.directory, pid)
            if not self._told:
                _log.warning("engine_record_not_written", path=str(path), error=error.strerror or str(error))

    def keep(self, pid: int, kept: KeptLaunch) -> bool:
        """Let the engine that *pid* leads outlive this daemon, so that the next one finds it; return whether it is recorded."""
        record = replace(self._watched[pid], kept=kept)
        try:
            engine_records.write(self.directory, record)
        except OSError:
            # What no daemon would find again must not be left behind.
            return False
        self._watched[pid] = record
        self._kept.add(pid)
        self._tell(_keep_line(record))
        return True

    def forget(self, pid: int) -> None:
        """Watch the engine that *pid* led no longer: nothing of it is left."""
        self._kept.discard(pid)
        if self._watched.pop(pid, None) is not None:
            self._tell(f"forget {pid}\n")
            engine_records.remove(engine_records.path_of(self.directory, pid))

    async def close(self) -> None:
        """End the child; engines that are still watched are killed by it on its way out."""
        await cancel_all(self._watching)
        self._watching = None
        if self._child is not None:
            await _end(self._child)
            self._child = None

    async def _keep(self) -> None:
        for attempt in itertools.count(1):
            if self._child is not None:
                status = await self._child.wait()
                await _end(self._child)
                _log.warning("reaper_died", status=status, attempt=attempt)
            # At once the first time; then slower, or a machine in trouble would spend its time on this alone.
            await asyncio.sleep(min(5.0, 0.1 * (attempt - 1)))
            try:
                self._spawn()
            except OSError as error:
                self._child = None
                _log.exception("reaper_not_started", error=str(error))

    def _spawn(self) -> None:
        script = Path(__file__).with_name("orphan_reaper_child.py")
        # Isolated and without site packages: it starts in milliseconds, holds a few MiB, and imports nothing by accident.
        argv = (sys.executable, "-I", "-S", str(script), self._marks)
        self._child = ChildProcess.spawn(argv, {}, output=NOTHING, stdin=PIPE, blocked=_END_REQUESTS)
        for pid, record in self._watched.items():
            self._tell(_keep_line(record) if pid in self._kept else _watch_line(record))

    def _tell(self, line: str) -> None:
        # A line is some forty bytes, and the pipe holds thousands of them: the write neither waits nor is split.
        if self._child is not None and self._child.stdin is not None and not self._child.stdin.closed:
            with contextlib.suppress(OSError):
                self._child.stdin.write(line.encode())


def _watch_line(record: EngineRecord) -> str:
    return f"watch {record.pid} {record.start}\n"


def _keep_line(record: EngineRecord) -> str:
    return f"keep {record.pid} {record.mark}\n"


async def _end(child: ChildProcess) -> None:
    if child.stdin is not None:
        with contextlib.suppress(OSError):
            child.stdin.close()
    await child.wait()
