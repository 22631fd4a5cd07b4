"""All processes of one engine, however they were started: its group, its session, its descendants, and whoever carries its mark."""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import psutil

from hostd.supervisor.process.process_identity import is_same

ENV_MARKER = "HOSTD_ENGINE"
"""The variable in the environment of an engine, which its own children inherit, that says whose it is."""


@dataclass(frozen=True, slots=True)
class Survivor:
    """A process that SIGKILL did not end, usually because a driver holds it."""

    pid: int
    name: str


def engine_processes(pid: int, start: str, mark: str) -> list[psutil.Process]:
    """Return the living processes of the engine that *pid* led from *start* on: its group, session, descendants, mark.

    When *pid* now belongs to another program, only processes that carry *mark* count. Zombies are not alive. Blocks for some
    milliseconds on a busy machine.

    Raises:
        ValueError: Neither pid 0 or 1 nor an empty mark tells an engine from the rest of the machine.
    """
    if pid <= 1 or not mark:
        raise ValueError(f"pid {pid} with mark {mark!r} cannot be an engine")
    # A leader that ended (None) has left a group that no other program can have while a member lives.
    ours = is_same(pid, start) is not False
    parents: dict[int, psutil.Process] = {}
    found: dict[int, psutil.Process] = {}
    for process in _living():
        other = process.pid
        parents[other] = process
        with suppress(psutil.Error, OSError):
            if (ours and pid in (os.getpgid(other), os.getsid(other))) or process.environ().get(ENV_MARKER) == mark:
                found[other] = process
    return [*found.values(), *_descendants(found, parents)]


def marked() -> dict[str, list[psutil.Process]]:
    """Return this user's living processes that carry a mark, by mark. Blocks as `engine_processes` does."""
    found: dict[str, list[psutil.Process]] = {}
    me = os.geteuid()
    for process in _living():
        with suppress(psutil.Error, OSError):
            # Root may read everybody's environment, but the engines of another user are that user's own business.
            if process.uids().effective == me and (mark := process.environ().get(ENV_MARKER)):
                found.setdefault(mark, []).append(process)
    return found


def kill(processes: Iterable[psutil.Process]) -> None:
    """Send SIGKILL to each process that still is the same one; psutil compares the start time before it signals."""
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)


def survivors(processes: Iterable[psutil.Process]) -> tuple[Survivor, ...]:
    """Return which of *processes* are alive, zombies not counted, with their names ("?" where that is a secret)."""
    return tuple(Survivor(process.pid, _name(process)) for process in processes if _is_alive(process))


def _living() -> Iterator[psutil.Process]:
    for pid in psutil.pids():
        # Not `process_iter`: it keeps objects between calls, and a kept one refuses to signal a pid that was reused.
        with suppress(psutil.Error, OSError):
            process = psutil.Process(pid)
            if pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def _descendants(found: dict[int, psutil.Process], all_processes: dict[int, psutil.Process]) -> list[psutil.Process]:
    above: dict[int, int] = {}
    for pid, process in all_processes.items():
        with suppress(psutil.Error):
            above[pid] = process.ppid()
    seen = set(found)
    grown = seen
    while grown:
        grown = {pid for pid, parent in above.items() if parent in seen and pid not in seen}
        seen |= grown
    return [all_processes[pid] for pid in seen - found.keys()]


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
