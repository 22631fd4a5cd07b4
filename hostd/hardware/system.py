"""Main memory, processor and operating system; control groups limit the memory.

Engines are children of this process, so its control group's limit holds for them together: beyond ``memory.max`` the
kernel kills one of them, beyond ``memory.high`` it slows all of them down.
"""

import platform
from dataclasses import dataclass
from pathlib import Path

import psutil

from hostd.domain.host import Pool, PoolKind
from hostd.hardware.system_file import text_of

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
    """File names of one *version* (type of file system).

    *droppable* are lines of ``memory.stat``, and so is *inherited*, the tightest limit of a group and all of its parents.
    """

    version: str
    limits: tuple[str, ...]
    usage: str
    droppable: tuple[str, ...]
    inherited: str


# File cache of both lists is dropped before anything is killed; shared memory and tmpfs are on neither of them, as they can only
# be swapped out. The kernel's own caches (slab) are told by version 2 alone. `MemAvailable` of a whole machine counts the same.
_VERSION_1 = _Names(
    "cgroup",
    ("memory.limit_in_bytes",),
    "memory.usage_in_bytes",
    ("total_inactive_file", "total_active_file"),
    "hierarchical_memory_limit",
)
_VERSION_2 = _Names(
    "cgroup2",
    ("memory.max", "memory.high"),
    "memory.current",
    ("inactive_file", "active_file", "slab_reclaimable"),
    "",
)


def describe() -> SystemFacts:
    """Return the operating system, the processor and the bytes of main memory."""
    return SystemFacts(_os(), _cpu(ROOT), psutil.virtual_memory().total)


def read(reserve: int, root: Path = ROOT) -> Pool:
    """Return the pool ``ram``: main memory, within the limits of this process's control groups."""
    memory = psutil.virtual_memory()
    # Where lxcfs has cut /proc/meminfo down to the limit, both are equal, and the limit's own numbers are the nearer ones.
    limits = [limit for limit in _limits(root) if limit.total <= memory.total]
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
    mounted = _mounts(root)
    found = []
    for line in text_of(root / "proc/self/cgroup").splitlines():
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if number == "0" and not controllers:
            names, usual = _VERSION_2, root / "sys/fs/cgroup"
        elif "memory" in controllers.split(","):
            names, usual = _VERSION_1, root / "sys/fs/cgroup/memory"
        else:
            continue
        for top, below in mounted.get(names.version) or [(usual, "/")]:
            found += _chain(top, path, below, names)
    return found


def _mounts(root: Path) -> dict[str, list[tuple[Path, str]]]:
    """Return where control groups that limit memory are mounted, by version, each with the group that is shown there.

    In a container that is often its own group, while its processes are still told the path that the host knows.
    """
    found: dict[str, list[tuple[Path, str]]] = {}
    for line in text_of(root / "proc/self/mountinfo").splitlines():
        mount, _, device = line.partition(" - ")
        fields, (kind, _, options) = mount.split(" "), (*device.split(" "), "", "", "")[:3]
        if len(fields) > 4 and (kind == "cgroup2" or (kind == "cgroup" and "memory" in options.split(","))):
            found.setdefault(kind, []).append((root / fields[4].lstrip("/"), fields[3]))
    return found


def _chain(top: Path, path: str, shown: str, names: _Names) -> list[MemoryLimit]:
    """Return the limits of the group *path* and of its parents, as far as *top* has them, where the group *shown* is to be seen."""
    inside = path.removeprefix(shown.rstrip("/")) if f"{path}/".startswith(f"{shown.rstrip('/')}/") else "/"
    below = Path(inside.lstrip("/"))
    # A group outside of what is shown, which is as good as its root: nothing nearer can be seen.
    folders = [top / part for part in (below, *below.parents)] if ".." not in below.parts else [top]
    found = []
    for folder in dict.fromkeys(folders):
        about = dict(line.split(" ", 1) for line in text_of(folder / "memory.stat").splitlines() if " " in line)
        # What the kernel drops under pressure counts as usage, but models can have it.
        droppable = sum(_number(about.get(name, "")) for name in names.droppable)
        used = max(0, _number(text_of(folder / names.usage)) - droppable)
        texts = (*(text_of(folder / name) for name in names.limits), about.get(names.inherited, ""))
        limits = [int(text) for text in texts if text.isdecimal() and int(text) < _UNLIMITED]
        found += [MemoryLimit(limit, max(0, limit - used), folder) for limit in limits]
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
    for line in text_of(root / "proc/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model") and value.strip():
            return value.strip()
    return platform.processor() or platform.machine()


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
