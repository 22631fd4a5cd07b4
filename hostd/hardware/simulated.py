"""Presets of machines as they would be measured when idle, so that a plan can be made for a machine before buying it.

A card's *total* is what nvidia-smi reports and *usable* what CUDA programs see of it, as PyTorch's out-of-memory messages
tell (both in MiB, with drivers of 2025); AMD's driver makes no such difference. A Mac's ceiling is the working set that Metal
recommends: measured on an M4 of 16 GiB, an M5 of 24, an M2 Max of 64, and others of 128 and 256 GiB; the remaining machines
have the figure of the one of their size.
"""

from dataclasses import dataclass

from hostd.domain.host import Host, Pool, PoolKind, Reserve

_MIB = 2**20
_GIB = 2**30


@dataclass(frozen=True, slots=True)
class _Card:
    name: str
    total: int
    usable: int
    capability: str = ""


@dataclass(frozen=True, slots=True)
class _Mac:
    name: str
    ram_gib: int
    ceiling_mib: int


_RTX3090 = _Card("NVIDIA GeForce RTX 3090", 24576, 24125, "8.6")
_RTX4090 = _Card("NVIDIA GeForce RTX 4090", 24564, 24084, "8.9")
_RTX5090 = _Card("NVIDIA GeForce RTX 5090", 32607, 32112, "12.0")
_H100 = _Card("NVIDIA H100 80GB HBM3", 81559, 81004, "9.0")
_RX7900XTX = _Card("AMD Radeon RX 7900 XTX", 24560, 24560)

# Card, number of cards, and the usual main memory of such a machine in GiB.
_BOXES = {
    "rtx3060-12g": (_Card("NVIDIA GeForce RTX 3060", 12288, 11907, "8.6"), 1, 32),
    "rtx4060ti-16g": (_Card("NVIDIA GeForce RTX 4060 Ti", 16380, 15945, "8.9"), 1, 32),
    "rtx3090": (_RTX3090, 1, 64),
    "2xrtx3090": (_RTX3090, 2, 64),
    "rtx4090": (_RTX4090, 1, 64),
    "2xrtx4090": (_RTX4090, 2, 128),
    "rtx5090": (_RTX5090, 1, 64),
    "2xrtx5090": (_RTX5090, 2, 128),
    "a6000": (_Card("NVIDIA RTX A6000", 49140, 48538, "8.6"), 1, 128),
    "l40s": (_Card("NVIDIA L40S", 46068, 45455, "8.9"), 1, 128),
    "a100-80g": (_Card("NVIDIA A100 80GB PCIe", 81920, 81038, "8.0"), 1, 256),
    "h100": (_H100, 1, 256),
    "3xh100": (_H100, 3, 512),
    "h200": (_Card("NVIDIA H200", 143771, 143155, "9.0"), 1, 512),
    "rx7900xtx": (_RX7900XTX, 1, 64),
    "2xrx7900xtx": (_RX7900XTX, 2, 128),
    "cpu-16g": (None, 0, 16),
    "cpu-32g": (None, 0, 32),
    "cpu-64g": (None, 0, 64),
    "cpu-128g": (None, 0, 128),
}
_MACS = {
    "m1-16g": _Mac("Apple M1", 16, 10922),
    "m4-16g": _Mac("Apple M4", 16, 10922),
    "m5-24g": _Mac("Apple M5", 24, 18186),
    "m2max-64g": _Mac("Apple M2 Max", 64, 53084),
    "m4max-64g": _Mac("Apple M4 Max", 64, 53084),
    "m4max-128g": _Mac("Apple M4 Max", 128, 110100),
    "m3ultra-256g": _Mac("Apple M3 Ultra", 256, 228045),
}

PRESETS = (*_BOXES, *_MACS)


def preset(name: str, reserve: Reserve) -> Host:
    """Return the preset *name* as an idle machine, with *reserve* kept out of its budgets.

    Raises:
        KeyError: No preset has that name; `PRESETS` lists them.
    """
    if mac := _MACS.get(name):
        return Host("macOS", mac.name, mac.ram_gib * _GIB, (_unified(mac, reserve.unified),))
    card, count, ram_gib = _BOXES[name]
    ram = ram_gib * _GIB
    pools = [_vram(card, number, reserve.vram) for number in range(count)] if card else []
    main = Pool("ram", PoolKind.RAM, "Main memory", ram, ram, max(0, ram - reserve.ram))
    return Host("Linux", "x86_64", ram, (*pools, main))


def _vram(card: _Card, number: int, reserve: int) -> Pool:
    usable = card.usable * _MIB
    return Pool(
        id=f"{'cuda' if card.capability else 'rocm'}:{number}",
        kind=PoolKind.VRAM,
        name=card.name,
        total=card.total * _MIB,
        free=usable,
        budget=max(0, usable - reserve),
        facts=(("compute_capability", card.capability),) if card.capability else (),
    )


def _unified(mac: _Mac, reserve: int) -> Pool:
    total, ceiling = mac.ram_gib * _GIB, mac.ceiling_mib * _MIB
    return Pool(
        id="metal",
        kind=PoolKind.UNIFIED,
        name=mac.name,
        total=total,
        free=total,
        budget=max(0, min(ceiling, total - reserve)),
        facts=(("ceiling_bytes", str(ceiling)), ("ceiling_from", "Metal"), ("pressure", "normal")),
    )
