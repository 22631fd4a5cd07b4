"""Signs of NVIDIA cards and of their driver, found without `pynvml`, which costs 25 ms and 2 MB to import."""

import ctypes
import os
import sys
from collections.abc import Sequence
from pathlib import Path

NVIDIA = "0x10de"
"""PCI vendor id."""

LIBRARY = "libnvidia-ml.so.1"
WSL_LIBRARY = f"/usr/lib/wsl/lib/{LIBRARY}"
"""Where Windows puts the driver's library for WSL2; in a container the loader may not look there."""

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


def driver_installed(others: Sequence[str] = (WSL_LIBRARY,)) -> bool:
    """Return whether the driver's library can be loaded, which it then is; *others* are paths that the loader may not search.

    A library that is loaded is found again by its name, so that `pynvml` finds it, too.
    """
    for library in (LIBRARY, *others):
        try:
            ctypes.CDLL(library)
        except OSError:
            continue
        return True
    return False


def on_windows(release: str = os.uname().release if hasattr(os, "uname") else "") -> bool:
    """Return whether this is a Linux inside Windows (WSL2), whose cards are Windows' own."""
    return "microsoft" in release.lower()
