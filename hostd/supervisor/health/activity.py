"""Whether an engine computes: by the processors' time that its processes had or waited for, by its reading, and by its cards.

How much of a core a busy engine gets says little: other programs, a quota or a low priority may leave it any share, and one that
uses a card waits for it without any. So what counts is whether its threads wanted to run, which Linux keeps account of for each
thread; elsewhere whatever time it had on a machine that had none to spare.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from hostd.supervisor.process.process_memory import group_usage

BUSY_SHARE = 0.5
"""Seconds per second from which on running, or waiting for a processor, counts as computing."""
LEAST_SHARE = 0.002
"""Seconds per second that count on a machine without half a core to spare: what a process of low priority may be left with. Threads
that only wait for connections use less."""
CARD_SHARE = 0.1
"""Share of a card's time from which on it is at work; a desktop takes less."""
_SPARE = 0.5
_DRM = re.compile(r"^drm-(?:engine-\w+|cycles-\w+):\s*(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Activity:
    """What an engine's processes had used by the time *at*, in seconds; None or 0 where the system does not tell.

    *waited* is the time in which threads could have run and did not. *spare* is what all processors of the machine had idled.
    *gpu* is a count that rises while the engine's work runs on a card, *gpu_share* what its cards are busy with now, from 0 to 1.
    *blocked* says that a thread waits for a disk, *stopped* that a signal holds the first process, *unseen* that the engine uses a
    card of which nothing tells what it does.
    """

    at: float
    cpu: float = 0.0
    waited: float | None = None
    spare: float | None = None
    read_bytes: int = 0
    gpu: int = 0
    gpu_share: float | None = None
    blocked: bool = False
    stopped: bool = False
    unseen: bool = False


def computes(before: Activity, after: Activity) -> bool:
    """Return whether the engine computed between the two, or waited for what computes on its behalf."""
    elapsed = after.at - before.at
    if elapsed <= 0 or after.stopped:
        return False
    # Without any sight of its card, an engine that waits for it looks like one that does nothing.
    if after.unseen or after.gpu > before.gpu or (after.gpu_share or 0.0) >= CARD_SHARE:
        return True
    # A model larger than the memory is read from disk for each token.
    if after.read_bytes > before.read_bytes or after.blocked:
        return True
    used = after.cpu - before.cpu
    if used >= BUSY_SHARE * elapsed:
        return True
    if before.waited is not None and after.waited is not None:
        return used + after.waited - before.waited >= BUSY_SHARE * elapsed
    if before.spare is not None and after.spare is not None and after.spare - before.spare >= _SPARE * elapsed:
        return False
    return used >= LEAST_SHARE * elapsed


def measure(
    pid: int, at: float, card_use: Callable[[Sequence[int]], float | None], *, uses_card: bool = False
) -> Activity:
    """Return what *pid* and its descendants had used by now. Blocks for a few milliseconds.

    *card_use* returns which share of their time cards are at work for processes, from 0 to 1, or None where nothing tells;
    *uses_card* says that this engine was put on one.
    """
    usage = group_usage(pid)
    if not usage.pids:
        return Activity(at)
    threads = [thread for member in usage.pids for thread in _listed(Path(f"/proc/{member}/task"))]
    gpu, gpu_share = sum(_drm(member) for member in usage.pids), card_use(usage.pids)
    return Activity(
        at,
        cpu=usage.cpu_seconds,
        waited=_waited(threads),
        spare=_spare(),
        read_bytes=usage.read_bytes,
        gpu=gpu,
        gpu_share=gpu_share,
        blocked=any(_text(thread / "stat").rpartition(")")[2].split()[:1] == ["D"] for thread in threads),
        stopped=_is_stopped(pid),
        unseen=uses_card and gpu == 0 and gpu_share is None,
    )


def _waited(threads: Iterable[Path]) -> float | None:
    """Return for how many seconds *threads* could have run and did not; a quota that is used up counts, too."""
    counted = [fields for thread in threads if len(fields := _text(thread / "schedstat").split()) == 3]
    return sum(int(fields[1]) for fields in counted) / 1e9 if counted else None


def _is_stopped(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    except (psutil.Error, OSError):
        return False


def _spare() -> float | None:
    try:
        return float(psutil.cpu_times().idle)
    except (psutil.Error, OSError):
        return None


def _drm(pid: int) -> int:
    """Return what the kernel's graphics drivers have counted for *pid*: nanoseconds, or cycles, by the driver."""
    folder = Path(f"/proc/{pid}/fd")
    total, seen = 0, set()
    for entry in _listed(folder):
        with suppress(OSError):
            if not str(entry.readlink()).startswith("/dev/dri/"):
                continue
            info = _text(Path(f"/proc/{pid}/fdinfo") / entry.name)
            # A descriptor that was duplicated tells of the same client again.
            client = re.search(r"^drm-client-id:\s*(\d+)", info, re.MULTILINE)
            if client is None or client[1] not in seen:
                seen.add(client[1] if client else entry.name)
                total += sum(map(int, _DRM.findall(info)))
    return total


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii", errors="replace")
    except (OSError, ValueError):
        return ""
