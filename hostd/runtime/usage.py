"""What an engine costs the machine right now: its process and everything that descends from it, in one cheap pass."""

from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Usage:
    """A sum over the processes in *pids*, the engine's own first.

    *rss_bytes* counts a page once per process that has it mapped, so shared pages are counted more than once.
    *cpu_seconds* is user and system time since each began. *read_bytes* is what storage was really asked for (0 where the
    system does not tell): the page cache and macOS both read as nothing.
    """

    rss_bytes: int = 0
    cpu_seconds: float = 0.0
    read_bytes: int = 0
    pids: tuple[int, ...] = ()


def group_usage(pid: int) -> Usage:
    """Return what *pid* and its descendants use; a process that vanishes or that may not be read counts as nothing."""
    try:
        leader = psutil.Process(pid)
        processes = [leader, *leader.children(recursive=True)]
    except psutil.Error:
        return Usage()
    rss, cpu, read, pids = 0, 0.0, 0, []
    for process in processes:
        try:
            with process.oneshot():
                times = process.cpu_times()
                rss += process.memory_info().rss
        except psutil.Error:
            continue
        cpu += times.user + times.system
        read += _read_bytes(process)
        pids.append(process.pid)
    return Usage(rss, cpu, read, tuple(pids))


def _read_bytes(process: psutil.Process) -> int:
    if not hasattr(process, "io_counters"):
        return 0
    try:
        return process.io_counters().read_bytes
    except (psutil.Error, OSError):
        return 0
