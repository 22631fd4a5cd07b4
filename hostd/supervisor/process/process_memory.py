"""What each engine holds of each pool: main memory by its processes, accelerators by what their driver reports of these processes.

Processes of an engine share pages: libraries, the file of the model, memory to talk through. Adding up what each has resident
would count those several times; the exact way, ``smaps_rollup``, walks every page of a model. So private memory is added up,
and of what can be shared the largest counts. That is three numbers per process, whatever the size of the model.
"""

import ctypes
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import psutil

from hostd.domain.host import Pool, PoolKind


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    """A sum over the processes in *pids*, the engine's own first.

    *rss_bytes* counts a page once per process that has it mapped, so shared pages are counted more than once.
    *cpu_seconds* is user and system time since each began. *read_bytes* is what storage was really asked for (0 where the
    system does not tell): the page cache and macOS both read as nothing.
    """

    rss_bytes: int = 0
    cpu_seconds: float = 0.0
    read_bytes: int = 0
    pids: tuple[int, ...] = ()


def group_usage(pid: int) -> ProcessUsage:
    """Return what *pid* and its descendants use; a process that vanishes or that may not be read counts as nothing."""
    try:
        leader = psutil.Process(pid)
        processes = [leader, *leader.children(recursive=True)]
    except (psutil.Error, OSError):
        return ProcessUsage()
    rss, cpu, read, pids = 0, 0.0, 0, []
    for process in processes:
        try:
            with process.oneshot():
                times = process.cpu_times()
                rss += process.memory_info().rss
        except (psutil.Error, OSError):
            continue
        cpu += times.user + times.system
        read += _read_bytes(process)
        pids.append(process.pid)
    return ProcessUsage(rss, cpu, read, tuple(pids))


def _read_bytes(process: psutil.Process) -> int:
    if not hasattr(process, "io_counters"):
        return 0
    try:
        return process.io_counters().read_bytes
    except (psutil.Error, OSError):
        return 0


METAL, RAM = "metal", "ram"


@dataclass(frozen=True, slots=True)
class EngineMemory:
    """What one engine holds: *bytes* by pool id.

    *of_files* are those bytes of main memory that are pages of files, such as a mapped model's: the system calls them available,
    although without them every token would read the model from disk.
    """

    pids: tuple[int, ...] = ()
    bytes: Mapping[str, int] = field(default_factory=dict)
    of_files: int = 0


@dataclass(frozen=True, slots=True)
class _Resident:
    private: int = 0
    shared: int = 0
    files: int = 0


def measure(leaders: Mapping[str, int], pools: Sequence[Pool]) -> dict[str, EngineMemory]:
    """Return what each model's engine holds of *pools*; *leaders* are the engines' first processes, by model.

    An engine that ended meanwhile is left out. Blocks for about a millisecond.
    """
    main = next((pool.id for pool in pools if pool.kind is PoolKind.UNIFIED), RAM)
    found = {}
    for model, pids in members(leaders).items():
        sizes = [_resident(pid) for pid in pids]
        # Processes of one engine map the same model file: the largest mapping holds the others.
        files = max((size.files for size in sizes), default=0)
        whole = sum(size.private for size in sizes) + max((size.shared for size in sizes), default=0) + files
        if not whole:
            continue
        # A driver reports its holders by pid; unknown sizes (in containers, say) count as nothing.
        mine = set(pids)
        held = {main: whole} | {
            pool.id: told
            for pool in pools
            if pool.kind is PoolKind.VRAM
            and (told := sum(holder.bytes or 0 for holder in pool.holders if holder.pid in mine))
        }
        if main not in (METAL, RAM):
            # What a CUDA or ROCm device took of shared memory is not part of what the process has resident.
            shared = next(pool for pool in pools if pool.id == main)
            held[main] += sum(holder.bytes or 0 for holder in shared.holders if holder.pid in mine)
        found[model] = EngineMemory(pids, held, files)
    return found


def members(leaders: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """Return the processes of each engine by model, the leader first: its session, which it leads, or else its descendants."""
    # One pass over all pids for all engines: psutil's children() would read every process once per engine.
    sessions: dict[int, list[int]] = {}
    for pid in psutil.pids():
        with suppress(OSError):
            sessions.setdefault(os.getsid(pid), []).append(pid)
    found = {}
    for model, leader in leaders.items():
        others = sessions.get(leader)
        pids = group_usage(leader).pids if others is None else (leader, *(pid for pid in others if pid != leader))
        if pids:
            found[model] = pids
    return found


def alive(pids: Iterable[int]) -> list[int]:
    """Return which of *pids* still exist."""
    return [pid for pid in pids if psutil.pid_exists(pid)]


def _resident(pid: int) -> _Resident:
    if sys.platform == "linux":
        return _linux(Path(f"/proc/{pid}/status"))
    if sys.platform == "darwin":
        return _Resident(private=_footprint(pid))
    try:
        return _Resident(private=psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return _Resident()


def _linux(status: Path) -> _Resident:
    """Return what a process has resident, in bytes; nothing for one that ended."""
    # Three numbers of /proc/PID/status, instead of smaps_rollup, which walks every page of a model.
    try:
        lines = (line.split() for line in status.read_text("ascii", errors="replace").splitlines())
        kib = {words[0]: int(words[1]) for words in lines if len(words) == 3 and words[0].startswith("Rss")}
    except (OSError, ValueError):
        return _Resident()
    return _Resident(*(kib.get(name, 0) << 10 for name in ("RssAnon:", "RssShmem:", "RssFile:")))


class _Rusage(ctypes.Structure):
    """``rusage_info_v0`` of macOS's <sys/resource.h>."""

    _fields_ = (
        ("uuid", ctypes.c_uint8 * 16),
        *(
            (name, ctypes.c_uint64)
            for name in (
                *("user_time", "system_time", "pkg_idle_wkups", "interrupt_wkups", "pageins", "wired_size"),
                *("resident_size", "phys_footprint", "proc_start_abstime", "proc_exit_abstime"),
            )
        ),
    )


def _footprint(pid: int) -> int:
    """Return the footprint of a process in bytes as macOS counts it, which unlike its resident size includes Metal buffers.

    Pages of a mapped model that Metal uses are resident but no footprint, so the larger of the two counts.
    """
    about = _Rusage()
    if _libproc().proc_pid_rusage(pid, 0, ctypes.byref(about)) != 0:
        return 0
    return int(max(about.phys_footprint, about.resident_size))


@cache
def _libproc() -> ctypes.CDLL:
    return ctypes.CDLL("/usr/lib/libproc.dylib")
