"""Signs of NVIDIA: whether there is anything to ask, seen without the two megabytes that asking takes."""

import ctypes
import sys
from pathlib import Path

NVIDIA = "0x10de"
"""Its number among the makers of PCI devices."""

LIBRARY = "libnvidia-ml.so.1"

NO_LIBRARY = f"there is no driver library ({LIBRARY}) on this machine; if it has such a card, install NVIDIA's driver"


def card_on_bus(devices: Path = Path("/sys/bus/pci/devices")) -> bool:
    """Return whether a device of NVIDIA's is plugged in, driver or not; True where the system does not tell."""
    try:
        vendors = [(device / "vendor").read_text("ascii").strip() for device in devices.iterdir()]
    except OSError:
        return sys.platform != "linux"
    return NVIDIA in vendors


def driver_installed() -> bool:
    """Return whether the driver's library can be loaded."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    return True
