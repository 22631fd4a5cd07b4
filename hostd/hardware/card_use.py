"""How much graphics cards are at work, for telling an engine that waits for its card from one that does nothing.

Where a driver accounts for processes, only the engine's own count. Elsewhere any work of a card counts, since it cannot be told
whose it is.
"""

import re
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hostd.hardware.apple import run
from hostd.hardware.nvidia_signs import card_on_bus

if TYPE_CHECKING:
    from hostd.hardware.nvml import Device

IOREG = ("/usr/sbin/ioreg", "-r", "-d", "1", "-w", "0", "-c", "IOAccelerator")
_APPLE = re.compile(r'"Device Utilization %"\s*=\s*(\d+)')
_SAMPLED = 10_000_000
"""Microseconds back to which the driver's samples are asked for: it keeps few more."""


def card_use(pids: Sequence[int], drm: Path = Path("/sys/class/drm")) -> float | None:
    """Return the largest share of its time that a card is at work for *pids*, from 0 to 1; None where nothing tells. Blocks."""
    if sys.platform == "darwin":
        return of_ioreg(run(IOREG))
    shares = [share for share in (_nvidia(pids), _sysfs(drm)) if share is not None]
    return max(shares, default=None)


def of_ioreg(text: str) -> float | None:
    """Return the share that the output of ``ioreg`` tells; None for any other text."""
    return max((int(found) / 100 for found in _APPLE.findall(text)), default=None)


def _nvidia(pids: Sequence[int]) -> float | None:
    if not card_on_bus():
        return None
    from hostd.hardware import nvml  # noqa: PLC0415 - costs 25 ms and 2 MB, and not every machine needs it

    mine, shares = set(pids), []
    with suppress(nvml.NvmlFault):
        # The library counts its users, so this leaves the driver open for whoever else has opened it.
        nvml.start()
        try:
            for index in range(nvml.count()):
                with suppress(nvml.NvmlFault):
                    shares.append(_of_card(nvml.device(index), mine))
        finally:
            nvml.stop()
    return max(shares, default=None)


def _of_card(device: "Device", mine: set[int]) -> float:
    from hostd.hardware import nvml  # noqa: PLC0415 - as above

    with suppress(nvml.NvmlFault):
        shares = nvml.use_by_process(device, int(time.time() * 1e6) - _SAMPLED)
        # In a container the driver knows processes by other numbers.
        if mine & shares.keys():
            return max(share for pid, share in shares.items() if pid in mine)
    return nvml.use(device)


def _sysfs(drm: Path) -> float | None:
    """Return what the drivers of AMD's cards tell."""
    shares = []
    for file in drm.glob("card*/device/gpu_busy_percent"):
        with suppress(OSError, ValueError):
            shares.append(int(file.read_text("ascii")) / 100)
    return max(shares, default=None)
