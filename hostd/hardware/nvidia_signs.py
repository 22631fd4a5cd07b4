"""Signs of NVIDIA cards and of their driver, found without `pynvml`, which costs 25 ms and 2 MB to import."""

import ctypes
import sys
from pathlib import Path

NVIDIA = "0x10de"
"""PCI vendor id."""

LIBRARY = "libnvidia-ml.so.1"

NO_LIBRARY = f"there is no driver library ({LIBRARY}) on this machine; if it has such a card, install NVIDIA's driver"


def card_on_bus(devices: Path = Path("/sys/bus/pci/devices")) -> bool:
    """Return whether an NVIDIA device is on the PCI bus, with or without a driver.

    Without a list of *devices* the answer is False on Linux, which has no PCI bus then, and True elsewhere: it may have cards.
    """
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
