"""AMD cards as pools, read from the amdgpu driver's files in sysfs; no library is needed.

Cards are numbered as the PCI bus orders them, as ROCm does. Integrated graphics have a small VRAM, which the
firmware reserves, and a large GTT, which is main memory that graphics may use. Where they are the only device, both are one pool
of kind ``unified``; beside a card with memory of its own, the pool is the VRAM alone, because main memory counts the rest.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hostd.domain.host import Pool, PoolKind
from hostd.hardware.reading import Reading
from hostd.hardware.system_file import text_of

SYSFS = Path("/sys")
NAMES = Path("/usr/share/libdrm/amdgpu.ids")

_AMD = "0x1002"
_CARD = re.compile(r"card\d+")


def read(reserve: int, sysfs: Path = SYSFS, names: Path = NAMES, shared: Callable[[], Pool] | None = None) -> Reading:
    """Return one pool for each AMD card; *reserve* is in bytes per card, *names* libdrm's list of products.

    *shared* returns the system's memory, with what models may take of it: of a machine's only card, if that is a processor's
    graphics, the pool is then all that it may use of the system's memory, and its own part.
    """
    pools: list[Pool] = []
    troubles: list[str] = []
    unmeasured: list[str] = []
    for number, (bus_id, device) in enumerate(sorted(_devices(sysfs))):
        try:
            pools.append(_pool(f"rocm:{number}", bus_id, device, reserve, names))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            troubles.append(
                f"the AMD card at {bus_id} is left out: its driver (amdgpu) does not tell its memory ({reason}); "
                "look for 'amdgpu' in the kernel's log"
            )
            unmeasured.append(f"the AMD card at {bus_id}")
    if shared is not None and len(pools) == 1 and not troubles and dict(pools[0].facts).get("shares_main_memory"):
        pools = [_with_main_memory(pools[0], shared())]
    return Reading(tuple(pools), tuple(troubles), unmeasured=tuple(unmeasured))


def _with_main_memory(own: Pool, memory: Pool) -> Pool:
    """Return one pool of a device's *own* part and the system's *memory*; the driver limits what the device may use of it."""
    limit = own.total + int(dict(own.facts)["gtt_bytes"])
    return replace(
        own,
        kind=PoolKind.UNIFIED,
        total=own.total + memory.total,
        free=own.free + memory.free,
        budget=min(limit, own.total + memory.budget),
        facts=(*own.facts, *memory.facts),
    )


def _devices(sysfs: Path) -> list[tuple[str, Path]]:
    try:
        cards = [card for card in (sysfs / "class/drm").iterdir() if _CARD.fullmatch(card.name)]
    except OSError:
        return []
    devices = (card / "device" for card in cards)
    return [
        (_uevent(device).get("PCI_SLOT_NAME", device.resolve().name), device)
        for device in devices
        if text_of(device / "vendor") == _AMD
    ]


def _pool(pool_id: str, bus_id: str, device: Path, reserve: int, names: Path) -> Pool:
    """Return the pool of one card; raises OSError or ValueError if its memory cannot be read."""
    total, used = _bytes(device / "mem_info_vram_total"), _bytes(device / "mem_info_vram_used")
    facts = [("pci_bus_id", bus_id)]
    if (gtt := text_of(device / "mem_info_gtt_total")).isdecimal():
        facts.append(("gtt_bytes", gtt))
        if int(gtt) > total:
            facts.append(("shares_main_memory", "yes"))
    return Pool(
        id=pool_id,
        kind=PoolKind.VRAM,
        name=text_of(device / "product_name") or _product(device, names),
        total=total,
        free=max(0, total - used),
        budget=max(0, total - reserve),
        facts=tuple(facts),
    )


def _product(device: Path, names: Path) -> str:
    """Return the product name of a card by its device and revision in *names*, else its PCI id."""
    pci_id = _uevent(device).get("PCI_ID", "")
    wanted = (pci_id.partition(":")[2].upper(), text_of(device / "revision").removeprefix("0x").upper())
    for line in text_of(names).splitlines():
        parts = [part.strip() for part in line.split(",", 2)]
        if len(parts) == 3 and (parts[0].upper(), parts[1].upper()) == wanted:
            return parts[2]
    return f"AMD graphics {pci_id}".rstrip()


def _uevent(device: Path) -> dict[str, str]:
    pairs = (line.partition("=") for line in text_of(device / "uevent").splitlines())
    return {key: value for key, _, value in pairs}


def _bytes(path: Path) -> int:
    count = int(path.read_text("ascii"))
    if count < 0:
        raise ValueError(f"{path.name} is negative")
    return count
