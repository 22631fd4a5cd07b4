"""Presets of machines as they would be measured when idle, so that a plan can be made for a machine before buying it.

A card's *total* is what nvidia-smi reports and *usable* what CUDA programs see of it, as PyTorch's out-of-memory messages tell
(both in MiB, with drivers of 2025); AMD's driver makes no such difference. A Mac's ceiling is the working set that Metal
recommends: measured on an M4 of 16 GiB, an M5 of 24, an M2 Max of 64, and others of 128 and 256 GiB; the remaining machines
have the figure of the one of their size, or what llama.cpp's logs print for them (recommendedMaxWorkingSetSize: M1 Max of 32
and 64 GiB, M3 Max of 36 and 128, M4 Pro of 24 and 48). A DGX Spark's memory is as its system tells it; a Strix Halo's graphics
may use half of its memory, which is the kernel's default (ttm.pages_limit), beside 512 MiB of their own.
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
_L4 = _Card("NVIDIA L4", 23034, 22574, "8.9")
_RX7900XTX = _Card("AMD Radeon RX 7900 XTX", 24560, 24560)

# Card, number of cards, and the usual main memory of such a machine in GiB.
_BOXES = {
    "rtx2080-8g": (_Card("NVIDIA GeForce RTX 2080", 8192, 7973, "7.5"), 1, 32),
    "rtx3060-12g": (_Card("NVIDIA GeForce RTX 3060", 12288, 11907, "8.6"), 1, 32),
    "rtx4060ti-16g": (_Card("NVIDIA GeForce RTX 4060 Ti", 16380, 15945, "8.9"), 1, 32),
    "rtx4070-12g": (_Card("NVIDIA GeForce RTX 4070", 12282, 11991, "8.9"), 1, 32),
    "rtx4070tisuper-16g": (_Card("NVIDIA GeForce RTX 4070 Ti SUPER", 16376, 15953, "8.9"), 1, 32),
    "rtx4080-16g": (_Card("NVIDIA GeForce RTX 4080", 16376, 15953, "8.9"), 1, 64),
    "rtx5070-12g": (_Card("NVIDIA GeForce RTX 5070", 12227, 11766, "12.0"), 1, 32),
    "rtx5070ti-16g": (_Card("NVIDIA GeForce RTX 5070 Ti", 16303, 15841, "12.0"), 1, 64),
    "rtx5080-16g": (_Card("NVIDIA GeForce RTX 5080", 16303, 15830, "12.0"), 1, 64),
    "rtx3090": (_RTX3090, 1, 64),
    "2xrtx3090": (_RTX3090, 2, 64),
    "4xrtx3090": (_RTX3090, 4, 128),
    "rtx4090": (_RTX4090, 1, 64),
    "2xrtx4090": (_RTX4090, 2, 128),
    "rtx5090": (_RTX5090, 1, 64),
    "2xrtx5090": (_RTX5090, 2, 128),
    "a6000": (_Card("NVIDIA RTX A6000", 49140, 48538, "8.6"), 1, 128),
    "rtxpro6000-96g": (_Card("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", 97887, 97250, "12.0"), 1, 128),
    "t4": (_Card("Tesla T4", 15360, 14931, "7.5"), 1, 64),
    "l4": (_L4, 1, 64),
    "l40s": (_Card("NVIDIA L40S", 46068, 45455, "8.9"), 1, 128),
    "a100-80g": (_Card("NVIDIA A100 80GB PCIe", 81920, 81038, "8.0"), 1, 256),
    "h100": (_H100, 1, 256),
    "3xh100": (_H100, 3, 512),
    "8xh100": (_H100, 8, 2048),
    "h200": (_Card("NVIDIA H200", 143771, 143155, "9.0"), 1, 512),
    "rx7900xtx": (_RX7900XTX, 1, 64),
    "2xrx7900xtx": (_RX7900XTX, 2, 128),
    "w7900": (_Card("AMD Radeon PRO W7900", 49136, 49136), 1, 128),
    "cpu-16g": (None, 0, 16),
    "cpu-32g": (None, 0, 32),
    "cpu-64g": (None, 0, 64),
    "cpu-128g": (None, 0, 128),
}
_MACS = {
    "m1-16g": _Mac("Apple M1", 16, 10922),
    "m1max-32g": _Mac("Apple M1 Max", 32, 21845),
    "m1max-64g": _Mac("Apple M1 Max", 64, 49152),
    "m3max-36g": _Mac("Apple M3 Max", 36, 27648),
    "m3max-128g": _Mac("Apple M3 Max", 128, 98304),
    "m4-16g": _Mac("Apple M4", 16, 10922),
    "m4pro-24g": _Mac("Apple M4 Pro", 24, 18186),
    "m4pro-48g": _Mac("Apple M4 Pro", 48, 36864),
    "m5-16g": _Mac("Apple M5", 16, 10922),
    "m5-32g": _Mac("Apple M5", 32, 21845),
    "m5max-36g": _Mac("Apple M5 Max", 36, 27648),
    "m5max-64g": _Mac("Apple M5 Max", 64, 53084),
    "m5max-128g": _Mac("Apple M5 Max", 128, 110100),
    "m5-24g": _Mac("Apple M5", 24, 18186),
    "m2max-64g": _Mac("Apple M2 Max", 64, 53084),
    "m4max-64g": _Mac("Apple M4 Max", 64, 53084),
    "m4max-128g": _Mac("Apple M4 Max", 128, 110100),
    "m3ultra-256g": _Mac("Apple M3 Ultra", 256, 228045),
}

# Devices that share the system's memory: pool, name, compute capability, bytes of all memory, and the most that the device may use.
_SHARED = {
    "dgx-spark": ("cuda:0", "NVIDIA GB10", "12.1", 128_501_256_192, 128_501_256_192),
    "strix-halo-128g": ("rocm:0", "AMD Radeon 8060S Graphics", "", 125 * _GIB, 63 * _GIB),
}

PRESETS = (*_BOXES, *_MACS, *_SHARED)


def find_preset(text: str) -> str | None:
    """Return the name of the preset that *text* means, however it is written: ``RTX 4080``, ``4x3090``, ``m3 max 36g``."""
    wanted = _plain(text)
    for spelled in (_plain, _without_size):
        for name in PRESETS:
            if wanted and wanted in (spelled(name), spelled(name).replace("rtx", "")):
                return name
    return None


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _without_size(name: str) -> str:
    stem, _, size = name.rpartition("-")
    return _plain(stem if size.endswith("g") and size[:-1].isdecimal() else name)


def preset(name: str, reserve: Reserve) -> Host:
    """Return the preset *name* as an idle machine, with *reserve* kept out of its budgets.

    Raises:
        KeyError: No preset has that name; `PRESETS` lists them.
    """
    if mac := _MACS.get(name):
        return Host("macOS", mac.name, mac.ram_gib * _GIB, (_unified(mac, reserve.unified),))
    if shared := _SHARED.get(name):
        return _sharing(*shared, reserve.unified)
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


def _sharing(pool_id: str, name: str, capability: str, total: int, limit: int, reserve: int) -> Host:
    facts = (("compute_capability", capability),) if capability else ()
    budget = max(0, min(limit, total - reserve))
    pool = Pool(pool_id, PoolKind.UNIFIED, name, total, total, budget, facts=(*facts, ("shares_main_memory", "yes")))
    return Host("Linux", "aarch64" if capability else "x86_64", total, (pool,))


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
