"""What llama.cpp logs about the memory that it took.

It prints the size of every buffer, device by device, but only from verbosity 4 on (``LLAMA_ARG_LOG_VERBOSITY=4``); at the
default of 3, builds since the end of 2025 log nothing about memory. Before it loads a model it tries the load without weights to
see whether it fits, and prints the same lines for that: only the last load of each file counts.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hostd.domain.footprint import Component

VERBOSITY = 4
_MIB = 1 << 20

_LOADS = re.compile(r"loaded meta data with \d+ key-value pairs and \d+ tensors from (?P<path>.+?) \(version")
_CONTEXT = re.compile(r"constructing llama_context")
_BUFFER = re.compile(
    r"(?P<device>[\w+-]+)\s+(?P<what>model|KV|RS|output|compute) buffer size\s*=\s*(?P<mib>\d+(?:\.\d+)?) MiB"
)
_OFFLOADED = re.compile(r"offloaded (?P<some>\d+)/(?P<all>\d+) layers")
_BUILD = re.compile(r"\bbuild(?:_info)?:? ?(?:b?(?P<number>\d+)(?:-| \()(?P<commit>\w+))")
# CUDA_Host and its like are pinned memory of the host, not of the card.
_DEVICE = re.compile(r"(?P<family>CUDA|ROCm|MTL|Metal|Vulkan|SYCL)(?P<number>\d*)(?!\w*_Host)")
_COMPONENTS = {
    "model": Component.WEIGHTS,
    "KV": Component.KV,
    "RS": Component.RECURRENT,
    "output": Component.COMPUTE,
    "compute": Component.COMPUTE,
}


@dataclass(frozen=True, slots=True)
class LoggedMemory:
    """What an engine counted, in bytes by pool and component; empty where its log is silent.

    *offloaded* is how many layers are on devices, of how many; None where it was not logged. *build* is ``b11434-0c1e570``.
    """

    parts: Mapping[str, Mapping[Component, int]] = field(default_factory=dict)
    offloaded: tuple[int, int] | None = None
    build: str = ""


@dataclass(slots=True)
class _Context:
    kept: list[tuple[str, str, int]] = field(default_factory=list)
    scratch: dict[tuple[str, str], int] = field(default_factory=dict)


@dataclass(slots=True)
class _Load:
    model: dict[str, int] = field(default_factory=dict)
    contexts: list[_Context] = field(default_factory=list)
    offloaded: tuple[int, int] | None = None

    def context(self) -> _Context:
        if not self.contexts:
            self.contexts.append(_Context())
        return self.contexts[-1]


def parse(lines: Iterable[str], host: str = "ram") -> LoggedMemory:
    """Return what the engine that wrote *lines* holds; *host* is the id of the pool that is main memory here."""
    loads: dict[str, _Load] = {}
    current, build = _Load(), ""
    for line in lines:
        if found := _LOADS.search(line):
            # A draft model is another file; the same file again is the real load after the trial.
            current = loads[found["path"]] = _Load()
        elif _CONTEXT.search(line):
            current.contexts.append(_Context())
        elif found := _BUFFER.search(line):
            loads = loads or {"": current}
            _take(current, found["device"], found["what"], _bytes(found["mib"]))
        elif found := _OFFLOADED.search(line):
            current.offloaded = (int(found["some"]), int(found["all"]))
        elif not build and (found := _BUILD.search(line)):
            build = f"b{found['number']}-{found['commit']}"
    first = next(iter(loads.values()), current)
    return LoggedMemory(_by_pool(loads.values(), host), first.offloaded, build)


def pool_of(device: str, host: str = "ram") -> str:
    """Return the pool that llama.cpp's *device* (``CUDA0``, ``MTL0_Mapped``, ``CPU_REPACK``, ``CUDA_Host``) takes memory of."""
    found = _DEVICE.match(device)
    if found is None or (not found["number"] and device.endswith("_Host")):
        return host
    if found["family"] in ("MTL", "Metal"):
        return "metal"
    return f"{found['family'].lower()}:{found['number'] or 0}"


def _take(load: _Load, device: str, what: str, count: int) -> None:
    if what == "model":
        load.model[device] = load.model.get(device, 0) + count
    elif what in ("KV", "RS"):
        load.context().kept.append((device, what, count))
    else:
        # A graph that is reserved again replaces the one before.
        load.context().scratch[device, what] = count


def _by_pool(loads: Iterable[_Load], host: str) -> dict[str, dict[Component, int]]:
    parts: dict[str, dict[Component, int]] = {}

    def add(device: str, what: str, count: int) -> None:
        pool = parts.setdefault(pool_of(device, host), {})
        pool[_COMPONENTS[what]] = pool.get(_COMPONENTS[what], 0) + count

    for load in loads:
        mapped: dict[str, tuple[str, int]] = {}
        for device, count in load.model.items():
            if not device.endswith("_Mapped"):
                add(device, "model", count)
            elif count >= mapped.get(pool_of(device, host), ("", 0))[1]:
                # Views of one file: in the same memory, the larger one covers the smaller.
                mapped[pool_of(device, host)] = (device, count)
        for device, count in mapped.values():
            add(device, "model", count)
        for context in load.contexts:
            for device, what, count in context.kept:
                add(device, what, count)
            for (device, what), count in context.scratch.items():
                add(device, what, count)
    return parts


def _bytes(mib: str) -> int:
    return round(float(mib) * _MIB)
