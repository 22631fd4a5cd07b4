"""Presets of machines as they would be measured when idle, so that a plan can be made for a machine before buying it.

A card's *total* is what nvidia-smi reports and *usable* what CUDA programs see of it, as PyTorch's out-of-memory messages tell
(both in MiB, with drivers of 2025); AMD's driver makes no such difference. A Mac's ceiling is the working set that Metal
recommends. It follows the memory and the system: 2/3 up to 32 GiB and 3/4 above before macOS 26, and 74 % up to 24 GiB, 78 % up to
48, 81 % of 64 and 84 % of 128 since. An M5 has run nothing older; a Mac before it has the figure that was measured on it, else
the older system's, which promises less. A DGX Spark's memory is as its system tells it; a Strix Halo's graphics may use half of its
memory, which is the kernel's default (ttm.pages_limit), beside 512 MiB of their own.

*source* is the report that the figures are from. Where it begins with "specification", no measurement was found, and the part that
a driver keeps is that of the nearest card that was measured.
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
    source: str
    capability: str = ""


@dataclass(frozen=True, slots=True)
class _Mac:
    name: str
    ram_gib: int
    ceiling_mib: int
    source: str


_GITHUB = "https://github.com/"
_CAPTURES = f"{_GITHUB}utkuozdemir/nvidia_gpu_exporter/tree/main/internal/captures"
_CLOUD = f"{_GITHUB}modal-labs/modal-client/pull/2797"
_AMD = "specification: https://rocm.docs.amd.com/en/7.13.0-preview/reference/gpu-specs.html"

_RTX3090 = _Card("NVIDIA GeForce RTX 3090", 24576, 24125, f"{_GITHUB}vllm-project/vllm/issues/16343", "8.6")
_RTX4090 = _Card("NVIDIA GeForce RTX 4090", 24564, 24084, f"{_GITHUB}vllm-project/vllm/issues/7553", "8.9")
_RTX5090 = _Card(
    "NVIDIA GeForce RTX 5090",
    32607,
    32112,
    "specification: https://www.sipoch.com/en/articles/300330022705642",
    "12.0",
)
_H100 = _Card("NVIDIA H100 80GB HBM3", 81559, 81004, _CAPTURES, "9.0")
_L4 = _Card("NVIDIA L4", 23034, 22574, _CLOUD, "8.9")
_T4 = _Card("Tesla T4", 15360, 14930, f"{_GITHUB}datawhalechina/self-llm/issues/162", "7.5")
_L40S = _Card("NVIDIA L40S", 46068, 45455, _CAPTURES, "8.9")
_A100 = _Card("NVIDIA A100 80GB PCIe", 81920, 81038, _CLOUD, "8.0")
_H200 = _Card("NVIDIA H200", 143771, 143155, _CAPTURES, "9.0")
_A6000 = _Card(
    "NVIDIA RTX A6000",
    49140,
    48538,
    "specification: https://huggingface.co/datasets/ohdoking/gpu_spec/blob/main/data/nvidia_gpu.csv",
    "8.6",
)
_RTXPRO6000 = _Card(
    "NVIDIA RTX PRO 6000 Blackwell Workstation Edition",
    97887,
    97250,
    f"{_GITHUB}MarcoPizeta/flash-next-rtxpro6000-bench/blob/main/HARDWARE.md",
    "12.0",
)
_RTX2080 = _Card("NVIDIA GeForce RTX 2080", 8192, 7784, f"{_GITHUB}ggml-org/llama.cpp/issues/10052", "7.5")
_RTX3060 = _Card(
    "NVIDIA GeForce RTX 3060", 12288, 11907, f"{_GITHUB}geerlingguy/raspberry-pi-pcie-devices/issues/790", "8.6"
)
_RTX4060TI = _Card(
    "NVIDIA GeForce RTX 4060 Ti",
    16380,
    15942,
    "specification: https://github.com/huggingface/huggingface.js/pull/712",
    "8.9",
)
_RTX4070 = _Card("NVIDIA GeForce RTX 4070", 12282, 11975, f"{_GITHUB}Kwai-Kolors/Kolors/issues/11", "8.9")
_RTX4070TIS = _Card(
    "NVIDIA GeForce RTX 4070 Ti SUPER",
    16376,
    15942,
    "https://gist.github.com/bigsnarfdude/946229ab3cfaab6c1c553654fb0a465a",
    "8.9",
)
_RTX4080 = _Card("NVIDIA GeForce RTX 4080", 16376, 15942, _CAPTURES, "8.9")
_RTX5070 = _Card("NVIDIA GeForce RTX 5070", 12227, 11766, f"{_GITHUB}llm-d/llm-d-deployer/issues/282", "12.0")
_RTX5070TI = _Card("NVIDIA GeForce RTX 5070 Ti", 16303, 15841, "https://pastebin.com/MwDQXWXq", "12.0")
_RTX5080 = _Card(
    "NVIDIA GeForce RTX 5080", 16303, 15830, "specification: https://huggingface.co/hardware/rtx-5080", "12.0"
)
_RX7900XTX = _Card("AMD Radeon RX 7900 XTX", 24560, 24560, _AMD)
_W7900 = _Card("AMD Radeon PRO W7900", 49136, 49136, _AMD)

# Card, number of cards, and the usual main memory of such a machine in GiB.
_BOXES = {
    "rtx2080-8g": (_RTX2080, 1, 32),
    "rtx3060-12g": (_RTX3060, 1, 32),
    "rtx4060ti-16g": (_RTX4060TI, 1, 32),
    "rtx4070-12g": (_RTX4070, 1, 32),
    "rtx4070tisuper-16g": (_RTX4070TIS, 1, 32),
    "rtx4080-16g": (_RTX4080, 1, 64),
    "rtx5070-12g": (_RTX5070, 1, 32),
    "rtx5070ti-16g": (_RTX5070TI, 1, 64),
    "rtx5080-16g": (_RTX5080, 1, 64),
    "rtx3090": (_RTX3090, 1, 64),
    "2xrtx3090": (_RTX3090, 2, 64),
    "4xrtx3090": (_RTX3090, 4, 128),
    "rtx4090": (_RTX4090, 1, 64),
    "2xrtx4090": (_RTX4090, 2, 128),
    "rtx5090": (_RTX5090, 1, 64),
    "2xrtx5090": (_RTX5090, 2, 128),
    "a6000": (_A6000, 1, 128),
    "rtxpro6000-96g": (_RTXPRO6000, 1, 128),
    "t4": (_T4, 1, 64),
    "l4": (_L4, 1, 64),
    "l40s": (_L40S, 1, 128),
    "a100-80g": (_A100, 1, 256),
    "h100": (_H100, 1, 256),
    "3xh100": (_H100, 3, 512),
    "8xh100": (_H100, 8, 2048),
    "h200": (_H200, 1, 512),
    "rx7900xtx": (_RX7900XTX, 1, 64),
    "2xrx7900xtx": (_RX7900XTX, 2, 128),
    "w7900": (_W7900, 1, 128),
    "cpu-16g": (None, 0, 16),
    "cpu-32g": (None, 0, 32),
    "cpu-64g": (None, 0, 64),
    "cpu-128g": (None, 0, 128),
}
_TWO_THIRDS = f"{_GITHUB}ggml-org/llama.cpp/pull/2011"
_THREE_QUARTERS = f"{_GITHUB}gpustack/gpustack/issues/1375"
_SINCE_26 = f"{_GITHUB}ollama/ollama/issues/15734"
_M5_16 = f"{_GITHUB}ollama/ollama/pull/14604"
_OF_64 = f"{_GITHUB}ggml-org/llama.cpp/pull/22673"
_OF_128 = f"{_GITHUB}antirez/ds4/pull/893"
_MACS = {
    "m1-16g": _Mac("Apple M1", 16, 10922, f"{_GITHUB}abetlen/llama-cpp-python/issues/687"),
    "m1max-32g": _Mac("Apple M1 Max", 32, 21845, _TWO_THIRDS),
    "m1max-64g": _Mac("Apple M1 Max", 64, 49152, f"{_GITHUB}ggml-org/llama.cpp/issues/1870"),
    "m3max-36g": _Mac("Apple M3 Max", 36, 27648, _THREE_QUARTERS),
    "m3max-128g": _Mac("Apple M3 Max", 128, 98304, _THREE_QUARTERS),
    "m4-16g": _Mac("Apple M4", 16, 10922, f"{_GITHUB}ggml-org/llama.cpp/issues/11083"),
    "m4pro-24g": _Mac("Apple M4 Pro", 24, 16384, _TWO_THIRDS),
    "m4pro-48g": _Mac("Apple M4 Pro", 48, 36864, _THREE_QUARTERS),
    "m5-16g": _Mac("Apple M5", 16, 12123, _M5_16),
    "m5-24g": _Mac("Apple M5", 24, 18186, _M5_16),
    "m5-32g": _Mac("Apple M5", 32, 25559, _SINCE_26),
    "m5max-36g": _Mac("Apple M5 Max", 36, 28754, _SINCE_26),
    "m5max-64g": _Mac("Apple M5 Max", 64, 53082, _OF_64),
    "m5max-128g": _Mac("Apple M5 Max", 128, 110100, _OF_128),
    "m2max-64g": _Mac("Apple M2 Max", 64, 53084, _OF_64),
    "m4max-64g": _Mac("Apple M4 Max", 64, 53084, _OF_64),
    "m4max-128g": _Mac("Apple M4 Max", 128, 110100, _OF_128),
    "m3ultra-256g": _Mac("Apple M3 Ultra", 256, 228045, _OF_128),
}


@dataclass(frozen=True, slots=True)
class _Sharing:
    """A device that shares the system's memory: of *total* bytes it may use *limit*."""

    pool: str
    name: str
    capability: str
    total: int
    limit: int
    source: str


_SHARED = {
    "dgx-spark": _Sharing(
        "cuda:0",
        "NVIDIA GB10",
        "12.1",
        128_501_256_192,
        128_501_256_192,
        f"{_GITHUB}unslothai/unsloth/issues/10691",
    ),
    "strix-halo-128g": _Sharing(
        "rocm:0",
        "AMD Radeon 8060S Graphics",
        "",
        125 * _GIB,
        63 * _GIB,
        f"{_GITHUB}ROCm/legacy-rocm-build/issues/5595",
    ),
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


def preset_source(name: str) -> str | None:
    """Return the report that the figures of the preset *name* are from; None for a machine without a device."""
    known = _MACS.get(name) or _SHARED.get(name) or _BOXES[name][0]
    return known.source if known else None


def preset(name: str, reserve: Reserve) -> Host:
    """Return the preset *name* as an idle machine, with *reserve* kept out of its budgets.

    Raises:
        KeyError: No preset has that name; `PRESETS` lists them.
    """
    if mac := _MACS.get(name):
        return Host("macOS", mac.name, mac.ram_gib * _GIB, (_unified(mac, reserve.unified),))
    if shared := _SHARED.get(name):
        return _sharing(shared, reserve.unified)
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


def _sharing(device: _Sharing, reserve: int) -> Host:
    facts = (("compute_capability", device.capability),) if device.capability else ()
    total, budget = device.total, max(0, min(device.limit, device.total - reserve))
    shared = (*facts, ("shares_main_memory", "yes"))
    pool = Pool(device.pool, PoolKind.UNIFIED, device.name, total, total, budget, facts=shared)
    return Host("Linux", "aarch64" if device.capability else "x86_64", total, (pool,))


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
