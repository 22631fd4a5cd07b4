"""Intel's graphics, of whose memory the driver tells other programs nothing: hostd knows that they are there, and no more."""

import re
from pathlib import Path

from hostd.hardware.reading import Reading
from hostd.hardware.system_file import text_of

SYSFS = Path("/sys")

_INTEL = "0x8086"
_CARD = re.compile(r"card\d+")


def read(sysfs: Path = SYSFS) -> Reading:
    """Return no pool, but the names of Intel's graphics, and a sentence on each."""
    try:
        cards = [card.name for card in (sysfs / "class/drm").iterdir() if _CARD.fullmatch(card.name)]
    except OSError:
        return Reading()
    devices = [(sysfs / "class/drm" / card / "device").resolve() for card in sorted(cards)]
    buses = [device.name for device in devices if text_of(device / "vendor") == _INTEL]
    said = (
        f"the Intel graphics at {bus} are not measured: an engine built for them (Vulkan, SYCL) decides what it puts there, and a "
        "plan counts it as main memory"
        for bus in buses
    )
    return Reading(absences=tuple(said), unmeasured=tuple(f"the Intel graphics at {bus}" for bus in buses))
