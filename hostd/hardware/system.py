"""Main memory, processor and operating system; control groups limit the memory.

Engines are children of this process, so its control group's limit holds for them together: beyond ``memory.max`` the
kernel kills one of them, beyond ``memory.high`` it slows all of them down.
"""

import platform
from dataclasses import dataclass
from pathlib import Path

import psutil

from hostd.domain.host import Pool, PoolKind

ROOT = Path("/")

_UNLIMITED = 2**60  # version 1 says "none" with a number near 2**63


@dataclass(frozen=True, slots=True)
class SystemFacts:
    """Operating system, processor and bytes of main memory."""

    os: str
    cpu: str
    ram_bytes: int


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """Limit of a control group and the bytes *left* of it; *group* is its folder."""

    total: int
    left: int
    group: Path


@dataclass(frozen=True, slots=True)
class _Names:
    """File names of one version of control groups; *droppable* are lines of ``memory.stat``."""

    limits: tuple[str, ...]
    usage: str
    droppable: tuple[str, ...]


# File cache of both lists is dropped before anything is killed; shared memory and tmpfs are on neither of them, as they can only
# be swapped out. The kernel's own caches (slab) are told by version 2 alone. `MemAvailable` of a whole machine counts the same.
_VERSION_1 = _Names(("memory.limit_in_bytes",), "memory.usage_in_bytes", ("total_inactive_file", "total_active_file"))
_VERSION_2 = _Names(
    ("memory.max", "memory.high"), "memory.current", ("inactive_file", "active_file", "slab_reclaimable")
)


def describe() -> SystemFacts:
    """Return the operating system, the processor and the bytes of main memory."""
    return SystemFacts(_os(), _cpu(ROOT), psutil.virtual_memory().total)


def read(reserve: int, root: Path = ROOT) -> Pool:
    """Return the pool ``ram``: main memory, within the limits of this process's control groups."""
    memory = psutil.virtual_memory()
    limits = [limit for limit in _limits(root) if limit.total < memory.total]
    total = min([memory.total, *(limit.total for limit in limits)])
    facts = [("machine_bytes", str(memory.total))]
    if limits:
        tightest = min(limits, key=lambda limit: limit.total)
        facts.append(("cgroup", str(tightest.group)))
    return Pool(
        id="ram",
        kind=PoolKind.RAM,
        name="Main memory",
        total=total,
        free=min([memory.available, total, *(limit.left for limit in limits)]),
        budget=max(0, total - reserve),
        facts=tuple(facts),
    )


def _limits(root: Path) -> list[MemoryLimit]:
    """Return the limits of this process's control group and of its parents, in either version."""
    found = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if number == "0" and not controllers:
            found += _chain(root / "sys/fs/cgroup", path, _VERSION_2)
        elif "memory" in controllers.split(","):
            found += _chain(root / "sys/fs/cgroup/memory", path, _VERSION_1)
    return found


def _chain(top: Path, path: str, names: _Names) -> list[MemoryLimit]:
    """Return the limits in the folder *path* below *top* and in its parents; inside a container some do not exist."""
    below = Path(path.lstrip("/"))
    folders = [top / part for part in (below, *below.parents)] if ".." not in below.parts else [top]
    found = []
    for folder in dict.fromkeys(folders):
        for name in names.limits:
            text = _text(folder / name)
            if text.isdecimal() and int(text) < _UNLIMITED:
                cached = dict(line.split(" ", 1) for line in _text(folder / "memory.stat").splitlines() if " " in line)
                # What the kernel drops under pressure counts as usage, but models can have it.
                droppable = sum(_number(cached.get(name, "")) for name in names.droppable)
                used = _number(_text(folder / names.usage)) - droppable
                found.append(MemoryLimit(int(text), max(0, int(text) - max(0, used)), folder))
    return found


def _os() -> str:
    if platform.system() == "Darwin":
        return f"macOS {platform.mac_ver()[0]}"
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = ""
    kernel = f"{platform.system()} {platform.release()}"
    return f"{kernel}, {name}" if name else kernel


def _cpu(root: Path) -> str:
    """Return the processor's name, else the architecture: some kernels for ARM do not write a name."""
    for line in _text(root / "proc/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model") and value.strip():
            return value.strip()
    return platform.processor() or platform.machine()


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace").strip()
    except OSError:
        return ""


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
