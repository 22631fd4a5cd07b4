"""Jetson's graphics, where NVIDIA's driver library does not know them: JetPack 5 has none, JetPack 6 one that tells little.

They share the system's memory. The device tree names the system on chip, and with it what CUDA calls the device.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hostd.domain.host import Pool, PoolKind
from hostd.hardware.reading import Reading

ROOT = Path("/")

# Compute capabilities: https://developer.nvidia.com/cuda-gpus
_CHIPS = {"nvidia,tegra264": "11.0", "nvidia,tegra234": "8.7", "nvidia,tegra194": "7.2", "nvidia,tegra186": "6.2"}
_DEVICES = ("dev/nvgpu", "dev/nvhost-gpu", "dev/nvidiactl", "dev/nvmap")


def read(shared: Callable[[], Pool], root: Path = ROOT) -> Reading:
    """Return the pool of a Jetson's graphics, with the system's memory that *shared* returns; nothing on other machines."""
    tree = root / "proc/device-tree"
    chip = next((chip for chip in _words(tree / "compatible") if chip in _CHIPS), None)
    if chip is None:
        return Reading()
    name = " ".join(_words(tree / "model")) or "NVIDIA Jetson"
    if not any((root / device).exists() for device in _DEVICES):
        said = f"this is a {name}, but its graphics are not here; run the container with '--runtime nvidia'"
        return Reading(absences=(said,))
    facts = (("compute_capability", _CHIPS[chip]), ("shares_main_memory", "yes"))
    memory = shared()
    return Reading((replace(memory, id="cuda:0", kind=PoolKind.UNIFIED, name=name, facts=(*facts, *memory.facts)),))


def _words(path: Path) -> list[str]:
    """Return the texts of a property of the device tree."""
    try:
        return [word for word in path.read_bytes().decode("utf-8", "replace").split("\0") if word]
    except OSError:
        return []
