"""Whether NVIDIA's driver answers: after an update its library and its kernel module differ until the machine is restarted."""

import re
import sys
from dataclasses import dataclass

from hostd.doctor.context import CheckContext
from hostd.doctor.finding import Findings, failed, fine, skipped, warned
from hostd.hardware import nvidia_signs, nvml
from hostd.hardware.nvml import NvmlFault

_LIBRARY = re.compile(r"libnvidia-ml\.so\.(\d+\.[\d.]*\d)")
_NOT_LOADED = "sudo modprobe nvidia"


@dataclass(frozen=True, slots=True)
class DriverFacts:
    """NVIDIA's driver: whether a card is on the bus, the versions of the kernel's module and of the library, what NVML says.

    *fault* is the code of NVML's failure and *why* its reason, None and "" where it answers with the number of *cards*.
    """

    card_on_bus: bool = False
    kernel: str | None = None
    library: str | None = None
    has_library: bool = False
    fault: int | None = None
    why: str = ""
    cards: int = 0


def check(context: CheckContext) -> Findings:
    """Return whether NVIDIA's driver works."""
    if context.platform == "darwin":
        return skipped("there is no NVIDIA driver", "macOS has none")
    return judge(gather(context))


def gather(context: CheckContext) -> DriverFacts:
    """Return what the kernel, the loader and NVML say. Blocks, longer if the driver has to wake its cards."""
    on_bus = nvidia_signs.card_on_bus(context.system("/sys/bus/pci/devices"))
    kernel = context.read("/sys/module/nvidia/version")
    if not nvidia_signs.driver_installed():
        return DriverFacts(on_bus, kernel)
    facts = DriverFacts(on_bus, kernel, _loaded_library(context), has_library=True)
    try:
        nvml.start()
        try:
            count = nvml.count()
        finally:
            nvml.stop()
    except NvmlFault as fault:
        return DriverFacts(on_bus, kernel, facts.library, has_library=True, fault=fault.code, why=fault.why)
    return DriverFacts(on_bus, kernel, facts.library, has_library=True, cards=count)


def _loaded_library(context: CheckContext) -> str | None:
    """Return the version of the library that this process has loaded, from the name of its file."""
    if sys.platform != "linux":
        return None
    found = _LIBRARY.search(context.read("/proc/self/maps") or "")
    return found[1] if found else None


def judge(facts: DriverFacts) -> Findings:
    """Return the finding on the driver."""
    if not facts.has_library and not facts.card_on_bus and facts.kernel is None:
        return skipped("there is no NVIDIA card", "neither a card nor a driver of NVIDIA's is here")
    if not facts.has_library:
        what = "there is an NVIDIA card, and its driver is not installed"
        return (warned(what, nvidia_signs.NO_LIBRARY, "install NVIDIA's driver, as your distribution has it"),)
    differ = facts.kernel is not None and facts.library is not None and facts.kernel != facts.library
    if facts.fault == nvml.VERSION_MISMATCH or (facts.fault is not None and differ):
        versions = f" ({facts.library} and {facts.kernel})" if differ else ""
        return (
            failed(
                f"NVIDIA's library and kernel module are of different versions{versions}",
                "the driver was updated while its old module was running, so no program can use the cards",
                "sudo reboot",
            ),
        )
    if facts.fault is not None and facts.kernel is None and facts.card_on_bus:
        return (failed("NVIDIA's driver is not loaded", facts.why, _NOT_LOADED),)
    if facts.fault is not None and not facts.card_on_bus and facts.kernel is None:
        return skipped("there is no NVIDIA card", facts.why)
    if facts.fault is not None:
        return (failed("NVIDIA's driver does not answer", facts.why, "sudo dmesg | grep -e NVRM -e Xid"),)
    if not facts.cards:
        return (warned("NVIDIA's driver sees no card", "it answers, with none", "sudo dmesg | grep -e NVRM -e Xid"),)
    version = facts.kernel or facts.library or "of unknown version"
    return fine(f"NVIDIA's driver {version} answers for {facts.cards} card{'' if facts.cards == 1 else 's'}")
