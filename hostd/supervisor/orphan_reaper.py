"""Ends every engine when the daemon ends, even after `kill -9`.

Three measures, each for what the one before misses:

1. A child of the daemon (`orphan_reaper_child`) reads from a pipe that only the daemon holds. However the daemon ends, the pipe
   ends with it, and the child kills every engine that it was told of.
2. Every engine carries a mark in its environment, which its own children inherit. So a process that made its own session
   and whose parent died is still found, and so is an engine that was started an instant before the daemon ended.
3. A record of each engine on disk. If the child died together with the daemon (the machine ran out of memory, say), the next
   start of hostd reads the records and kills what is left.
"""

import asyncio
import contextlib
import itertools
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import structlog

from hostd.supervisor.child_process import ChildProcess

ENV_MARKER = "HOSTD_ENGINE"
SAME_START = 2.0
"""Seconds by which two readings of one process's start may differ: they are computed from a boot time that is rounded."""
_SETTLE = 2.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Survivor:
    """A process that SIGKILL did not end, usually because a driver holds it."""

    pid: int
    name: str


@dataclass(frozen=True, slots=True)
class ReapedEngine:
    """An engine that an earlier daemon left behind: what was killed, and what would not die."""

    model: str
    pid: int
    killed: tuple[int, ...]
    left: tuple[Survivor, ...]


@dataclass(frozen=True, slots=True)
class EngineRecord:
    """One engine as its daemon recorded it."""

    pid: int
    create_time: float
    pgid: int
    mark: str
    daemon_pid: int
    daemon_create_time: float
    argv0: str
    model: str


def engine_processes(pid: int, started: float, mark: str) -> list[psutil.Process]:
    """Return the living processes of the engine that *pid* led from *started* on: its group, session, descendants, mark.

    When *pid* now belongs to another program, only processes that carry *mark* count. Zombies are not alive. Blocks for some
    milliseconds on a busy machine.

    Raises:
        ValueError: Neither pid 0 or 1 nor an empty mark tells an engine from the rest of the machine.
    """
    if pid <= 1 or not mark:
        raise ValueError(f"pid {pid} with mark {mark!r} cannot be an engine")
    # A leader that ended (None) has left a group that no other program can have while a member lives.
    ours = _is_same(pid, started) is not False
    parents: dict[int, psutil.Process] = {}
    found: dict[int, psutil.Process] = {}
    for other in psutil.pids():
        # Not `process_iter`: it keeps objects between calls, and a kept one refuses to signal a pid that was reused.
        with contextlib.suppress(psutil.Error, OSError):
            process = psutil.Process(other)
            if other == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            parents[other] = process
            if (ours and pid in (os.getpgid(other), os.getsid(other))) or process.environ().get(ENV_MARKER) == mark:
                found[other] = process
    return [*found.values(), *_descendants(found, parents)]


def _descendants(found: dict[int, psutil.Process], all_processes: dict[int, psutil.Process]) -> list[psutil.Process]:
    above: dict[int, int] = {}
    for pid, process in all_processes.items():
        with contextlib.suppress(psutil.Error):
            above[pid] = process.ppid()
    seen = set(found)
    grown = seen
    while grown:
        grown = {pid for pid, parent in above.items() if parent in seen and pid not in seen}
        seen |= grown
    return [all_processes[pid] for pid in seen - found.keys()]


def kill(processes: Iterable[psutil.Process]) -> None:
    """Send SIGKILL to each process that still is the same one; psutil compares the start time before it signals."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)


def survivors(processes: Iterable[psutil.Process]) -> tuple[Survivor, ...]:
    """Return which of *processes* are alive, zombies not counted, with their names ("?" where that is a secret)."""
    return tuple(Survivor(process.pid, _name(process)) for process in processes if _is_alive(process))


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return "?"


def reap_leftovers(router: Path) -> list[ReapedEngine]:
    """Kill the engines in *router*'s records whose daemon is gone, and return those that were still there.

    Records of a living daemon are left alone; records that cannot be read, and those of engines that are gone, are
    removed. May block for about two seconds per engine that refuses to die.
    """
    ended_engine = []
    for path in sorted(router.glob("engine-*.json")):
        try:
            record = _read(path)
            # Another hostd may serve from the same folder; its engines are its own business.
            alive = _is_same(record.daemon_pid, record.daemon_create_time)
            result = None if alive else _reap(record)
        except (OSError, ValueError, TypeError, LookupError) as error:
            _log.warning("engine_record_unreadable", path=str(path), error=str(error))
            path.unlink(missing_ok=True)
            continue
        if result is None:
            continue
        if result.killed:
            ended_engine.append(result)
        if not result.left:
            path.unlink(missing_ok=True)
    return ended_engine


def _read(path: Path) -> EngineRecord:
    """Return the record in *path*; raise ValueError or TypeError unless it can be acted upon without harm."""
    fields = json.loads(path.read_text("utf-8"))
    for name in ("pid", "daemon_pid"):
        if type(fields[name]) is not int or not 0 < fields[name] < 1 << 31:
            raise ValueError(f"{name} is {fields[name]!r}")
    for name in ("mark", "model", "argv0"):
        if not isinstance(fields[name], str):
            raise TypeError(f"{name} is {fields[name]!r}")
    for name in ("create_time", "daemon_create_time"):
        fields[name] = float(fields[name])
    return EngineRecord(**fields)


def _reap(record: EngineRecord) -> ReapedEngine:
    killed: set[int] = set()
    deadline = time.monotonic() + _SETTLE
    while True:
        family = engine_processes(record.pid, record.create_time, record.mark)
        if not family or time.monotonic() > deadline:
            # A process that hangs in a driver is reported, not waited for: hostd must start.
            return ReapedEngine(record.model, record.pid, tuple(sorted(killed)), survivors(family))
        kill(family)
        killed |= {process.pid for process in family}
        time.sleep(0.01)


def _is_same(pid: int, started: float) -> bool | None:
    """Return whether *pid* is the process that began at *started*; None when there is no such process."""
    try:
        return abs(psutil.Process(pid).create_time() - started) < SAME_START
    except psutil.Error:
        return None


class OrphanReaper:
    """Keeps the child running and informed, and the records in *directory* true."""

    def __init__(self, router: Path) -> None:
        self.directory = router
        self._mark = secrets.token_hex(8)
        self._numbers = itertools.count(1)
        self._watched: dict[int, float] = {}
        self._child: ChildProcess | None = None
        self._watching: asyncio.Task[None] | None = None
        self._daemon = psutil.Process()

    def __repr__(self) -> str:
        return f"<Reaper {f'pid {self.pid}' if self.pid else 'not running'}, watching {len(self._watched)}>"

    @property
    def pid(self) -> int | None:
        """The child's pid, or None while there is no child."""
        return self._child.pid if self._child and self._child.returncode is None else None

    def new_mark(self) -> str:
        """Return a mark for one engine's environment; the child knows how all marks of this daemon begin."""
        return f"{self._mark}-{next(self._numbers)}"

    async def start(self) -> None:
        """Start the child, and start it again whenever it dies.

        Raises:
            OSError: The directory cannot be made, or no process can be started.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._spawn()
        self._watching = asyncio.create_task(self._keep(), name="reaper")

    def watch(self, pid: int, started: float, mark: str, program: str, model: str) -> None:
        """Make the engine that *pid* has led since *started*, and all its processes, die with this daemon; effective on return.

        *mark* is what its environment says in `ENV_MARKER`, *program* what was executed.
        """
        self._watched[pid] = started
        self._tell(_watch_line(pid, started))
        record = EngineRecord(
            pid=pid,
            create_time=started,
            pgid=pid,
            mark=mark,
            daemon_pid=self._daemon.pid,
            daemon_create_time=self._daemon.create_time(),
            argv0=program,
            model=model,
        )
        path = self._path(pid)
        try:
            # Written aside and renamed: a record that is cut short by a crash would be thrown away at the next start.
            draft = path.with_suffix(".tmp")
            draft.write_text(json.dumps(asdict(record)), "utf-8")
            draft.replace(path)
        except OSError as error:
            # The child still watches this engine: a full disk is no reason not to serve.
            _log.warning("engine_record_not_written", path=str(path), error=str(error))

    def forget(self, pid: int) -> None:
        """Watch the engine that *pid* led no longer: nothing of it is left."""
        if self._watched.pop(pid, None) is not None:
            self._tell(f"forget {pid}\n")
            with contextlib.suppress(OSError):
                self._path(pid).unlink(missing_ok=True)

    async def close(self) -> None:
        """End the child; engines that are still watched are killed by it on its way out."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
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
        argv = (sys.executable, "-I", "-S", str(script), f"{self._mark}-")
        self._child = ChildProcess.spawn(argv, {}, output=subprocess.DEVNULL, stdin=subprocess.PIPE)
        for pid, started in self._watched.items():
            self._tell(_watch_line(pid, started))

    def _tell(self, line: str) -> None:
        # A line is some forty bytes, and the pipe holds thousands of them: the write neither waits nor is split.
        if self._child is not None and self._child.stdin is not None and not self._child.stdin.closed:
            with contextlib.suppress(OSError):
                self._child.stdin.write(line.encode())

    def _path(self, pid: int) -> Path:
        return self.directory / f"engine-{pid}.json"


def _watch_line(pid: int, started: float) -> str:
    return f"watch {pid} {started:.2f}\n"


async def _end(child: ChildProcess) -> None:
    if child.stdin is not None:
        with contextlib.suppress(OSError):
            child.stdin.close()
    await child.wait()
