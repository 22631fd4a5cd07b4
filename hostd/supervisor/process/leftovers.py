"""Ends the engines that an earlier daemon left behind, at the start of the next one.

They are found by their records, and by their marks where a record could not be written. Whatever belongs to a daemon that runs is
left alone.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from hostd.supervisor.engine_family import ENV_MARKER, Survivor, engine_processes, kill, marked, survivors
from hostd.supervisor.process.engine_output import remove_unread
from hostd.supervisor.process.engine_records import EngineRecord, Mark, folder_id, path_of, read_all, remove
from hostd.supervisor.process.process_identity import boot_id, is_same

_SETTLE = 2.0
"""Seconds in which a killed process should have ended; one that hangs in a driver is reported and not waited for."""


@dataclass(frozen=True, slots=True)
class ReapedEngine:
    """An engine that an earlier daemon left behind: what was killed, and what would not die.

    *pid* is that of its first process, *model* the profile; "?" where only its mark was found.
    """

    model: str
    pid: int
    killed: tuple[int, ...]
    left: tuple[Survivor, ...]


def find_kept(folder: Path) -> list[EngineRecord]:
    """Return the records of engines that an earlier daemon left running on purpose, and that certainly are the ones recorded."""
    return [
        record
        for _, record in read_all(folder)
        if record.kept is not None
        and record.boot == boot_id()
        and is_same(record.daemon_pid, record.daemon_start) is not True
        and is_same(record.pid, record.start)
        and _mark_of(record.pid) == record.mark
    ]


def _mark_of(pid: int) -> str | None:
    try:
        return psutil.Process(pid).environ().get(ENV_MARKER)
    except (psutil.Error, OSError):
        return None


def reap_leftovers(folder: Path, kept: Sequence[EngineRecord] = ()) -> list[ReapedEngine]:
    """Kill the engines whose daemon is gone, by the records in *folder* and by mark; return those that were still there.

    Those in *kept* are left alone.

    Records that cannot be read, and those of engines that are gone, are removed. May block for about two seconds per engine that
    refuses to die.
    """
    found, spared = [], {record.mark for record in kept}
    for path, record in read_all(folder):
        if record.boot == boot_id() and is_same(record.daemon_pid, record.daemon_start):
            # A daemon that could not lock its state folder may serve beside this one, and have adopted engines of an earlier one.
            spared.add(record.mark)
        if record.mark in spared:
            continue
        reaped = _by_record(record)
        if reaped.killed:
            found.append(reaped)
        if not reaped.left:
            remove(path)
    remove_unread(folder, frozenset(Path(each.kept.output) for each in kept if each.kept is not None))
    return [*found, *_without_record(folder, spared, {each.pid for reaped in found for each in reaped.left})]


def end_recorded(folder: Path, record: EngineRecord) -> ReapedEngine:
    """Kill what is left of the engine in *record*, one of *folder*, and nothing else; as `reap_leftovers` does it."""
    reaped = _by_record(record)
    if not reaped.left:
        remove(path_of(folder, record.pid))
    return reaped


def _by_record(record: EngineRecord) -> ReapedEngine:
    if record.boot != boot_id():
        # Nothing outlives the boot that it was started in.
        return ReapedEngine(record.model, record.pid, (), ())
    return _killed(record.model, record.pid, lambda: engine_processes(record.pid, record.start, record.mark))


def _without_record(folder: Path, spared: set[str], stuck: set[int]) -> list[ReapedEngine]:
    found, ours = [], folder_id(folder)
    for text, processes in marked().items():
        mark = Mark.parse(text)
        if mark is None or mark.folder != ours or text in spared:
            continue
        if mark.is_orphaned and not stuck.issuperset(each.pid for each in processes):
            first = min(processes, key=lambda process: process.create_time())

            def family(text: str = text) -> list[psutil.Process]:
                return marked().get(text, [])

            found.append(_killed("?", first.pid, family))
    return found


def _killed(model: str, pid: int, family: Callable[[], list[psutil.Process]]) -> ReapedEngine:
    killed: set[int] = set()
    deadline = time.monotonic() + _SETTLE
    while True:
        living = family()
        if not living or time.monotonic() > deadline:
            # A process that hangs in a driver is reported, not waited for: hostd must start.
            return ReapedEngine(model, pid, tuple(sorted(killed)), survivors(living))
        kill(living)
        killed |= {process.pid for process in living}
        time.sleep(0.01)
