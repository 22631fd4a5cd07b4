"""Typed NVML calls: the only module that uses `pynvml`, which has no types, and the one that words its failures.

A failure becomes a `NvmlFault` with the reason and what to do. Before that, functions that old drivers lack are tried in their
older forms.
"""

from dataclasses import dataclass
from typing import Any, NewType

import pynvml  # type: ignore[import-untyped]  # the package has no types and no stubs

from hostd.hardware.nvidia_signs import NO_LIBRARY

Device = NewType("Device", object)

NOT_SUPPORTED = int(pynvml.NVML_ERROR_NOT_SUPPORTED)
GPU_IS_LOST = int(pynvml.NVML_ERROR_GPU_IS_LOST)
RESET_REQUIRED = int(pynvml.NVML_ERROR_RESET_REQUIRED)
TIMEOUT = int(pynvml.NVML_ERROR_TIMEOUT)
NO_PERMISSION = int(pynvml.NVML_ERROR_NO_PERMISSION)
VERSION_MISMATCH = int(pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH)
_FUNCTION_NOT_FOUND = int(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)
_LASTING = frozenset(
    {NO_PERMISSION, VERSION_MISMATCH, int(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND), int(pynvml.NVML_ERROR_OPERATING_SYSTEM)}
)
_UNREADABLE = int(pynvml.NVML_ERROR_UNKNOWN)
_MOST_SLICES = 16  # more than any card has; a driver that says more is not believed

_WHY = {
    NOT_SUPPORTED: "the driver does not tell this of this device",
    NO_PERMISSION: "this user may not ask the driver; allow it to open /dev/nvidia* (often the groups video and render)",
    int(pynvml.NVML_ERROR_DRIVER_NOT_LOADED): (
        "the driver is installed but not loaded; load it with 'modprobe nvidia', or restart if it has just been installed"
    ),
    int(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND): NO_LIBRARY,
    _FUNCTION_NOT_FOUND: "the driver is too old for this question; update it (510 or newer knows all of them)",
    GPU_IS_LOST: (
        "it has fallen off the bus; look for 'Xid' in the kernel's log, check power and seating, and restart the machine"
    ),
    RESET_REQUIRED: "it needs a reset: end what uses it and run 'nvidia-smi --gpu-reset', or restart",
    VERSION_MISMATCH: (
        "the driver's library and kernel module are of different versions, as after an update; restart the machine"
    ),
    TIMEOUT: "the driver did not answer in time; look for 'NVRM' in the kernel's log",
    int(pynvml.NVML_ERROR_OPERATING_SYSTEM): (
        "the operating system refused, as a container without the card's devices does; give it access to /dev/nvidia*"
    ),
}


class NvmlFault(Exception):
    """A call that NVML did not answer; *why* is the reason and what to do."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.why = _WHY.get(code) or f"the driver says: {text}; look for 'NVRM' in the kernel's log"
        super().__init__(self.why)

    @property
    def passes(self) -> bool:
        """Whether the driver may only not be up yet, as while a machine boots; other faults take a restart, rights or a driver."""
        return self.code not in _LASTING

    @property
    def no_library(self) -> bool:
        """Whether this machine has no driver at all."""
        return self.code == int(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """A device's memory in bytes; *reserved* is the driver's own part (0 from old drivers, which do not report it)."""

    total: int
    reserved: int
    free: int


def _ask(function: str, *arguments: object) -> Any:
    try:
        return getattr(pynvml, function)(*arguments)
    except pynvml.NVMLError as error:
        raise NvmlFault(int(error.value), str(error)) from None
    except pynvml.NVMLLibraryMismatchError as error:  # how some functions say that the driver lacks them
        raise NvmlFault(_FUNCTION_NOT_FOUND, str(error)) from None
    except UnicodeDecodeError:
        raise NvmlFault(_UNREADABLE, f"{function} gave bytes that are no text") from None


def start() -> None:
    """Load the library and open the driver; may be called again after `stop`.

    Raises:
        NvmlFault: The driver cannot be opened.
    """
    _ask("nvmlInit")


def stop() -> None:
    """Close the driver; raises `NvmlFault`."""
    _ask("nvmlShutdown")


def driver_version() -> str:
    """Return the driver's version, such as ``580.95.05``; raises `NvmlFault`."""
    return str(_ask("nvmlSystemGetDriverVersion"))


def cuda_version() -> str:
    """Return the newest CUDA that the driver serves, such as ``13.0``; raises `NvmlFault`."""
    version = int(_ask("nvmlSystemGetCudaDriverVersion"))
    return f"{version // 1000}.{version % 1000 // 10}"


def count() -> int:
    """Return the number of cards; raises `NvmlFault`."""
    return int(_ask("nvmlDeviceGetCount"))


def device(index: int) -> Device:
    """Return the card at *index*, in the order of the PCI bus; raises `NvmlFault`."""
    return Device(_ask("nvmlDeviceGetHandleByIndex", index))


def uuid(of: Device) -> str:
    """Return the permanent identity of a card or slice; raises `NvmlFault`."""
    return str(_ask("nvmlDeviceGetUUID", of))


def name(of: Device) -> str:
    """Return the product's name; raises `NvmlFault`."""
    return str(_ask("nvmlDeviceGetName", of))


def pci_bus_id(of: Device) -> str:
    """Return the card's PCI address, such as ``00000000:01:00.0``; raises `NvmlFault`."""
    bus_id = _ask("nvmlDeviceGetPciInfo_v3", of).busId
    return bus_id.decode(errors="replace") if isinstance(bus_id, bytes) else str(bus_id)


def compute_capability(of: Device) -> str:
    """Return the card's CUDA compute capability, such as ``8.9``; raises `NvmlFault`."""
    major, minor = _ask("nvmlDeviceGetCudaComputeCapability", of)
    return f"{major}.{minor}"


def is_prohibited(of: Device) -> bool:
    """Return whether no program may compute on the card (its compute mode); raises `NvmlFault`."""
    return int(_ask("nvmlDeviceGetComputeMode", of)) == int(pynvml.NVML_COMPUTEMODE_PROHIBITED)


def is_exclusive(of: Device) -> bool:
    """Return whether one program at a time may compute on the card (its compute mode); raises `NvmlFault`."""
    return int(_ask("nvmlDeviceGetComputeMode", of)) == int(pynvml.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS)


def is_virtual(of: Device) -> bool:
    """Return whether this is a part of a card that a hypervisor gives (vGPU); raises `NvmlFault`."""
    return int(_ask("nvmlDeviceGetVirtualizationMode", of)) == int(pynvml.NVML_GPU_VIRTUALIZATION_MODE_VGPU)


def memory(of: Device) -> DeviceMemory:
    """Return the memory of a card or slice; raises `NvmlFault`."""
    try:
        told = _ask("nvmlDeviceGetMemoryInfo", of, pynvml.nvmlMemory_v2)
        return DeviceMemory(int(told.total), int(told.reserved), int(told.free))
    except NvmlFault:  # drivers before 510; some newer ones refuse it for slices only
        told = _ask("nvmlDeviceGetMemoryInfo", of)
        return DeviceMemory(int(told.total), 0, int(told.free))


def processes(of: Device, kind: str) -> dict[int, int | None]:
    """Return the bytes that each process holds, by pid; *kind* is ``Compute``, ``Graphics`` or ``MPSCompute``.

    None means that the driver does not report the bytes. Raises `NvmlFault`.
    """
    question = f"nvmlDeviceGet{kind}RunningProcesses"
    try:
        found = _ask(f"{question}_v3", of)
    except NvmlFault as fault:
        if fault.code != _FUNCTION_NOT_FOUND:
            raise
        found = _ask(f"{question}_v2", of)
    return {int(one.pid): None if one.usedGpuMemory is None else int(one.usedGpuMemory) for one in found}


def process_name(pid: int) -> str:
    """Return the name of a process; raises `NvmlFault`."""
    return str(_ask("nvmlSystemGetProcessName", pid))


def linked(one: Device, other: Device) -> bool:
    """Return whether two cards read each other's memory over NVLink, directly or through a switch; raises `NvmlFault`."""
    status = _ask("nvmlDeviceGetP2PStatus", one, other, pynvml.NVML_P2P_CAPS_INDEX_NVLINK)
    return int(status) == int(pynvml.NVML_P2P_STATUS_OK)


def slices(of: Device) -> dict[int, list[Device]] | None:
    """Return the MIG devices of a card by GPU instance (those of one instance share its memory); None if MIG is off.

    Raises `NvmlFault`.
    """
    try:
        current, _ = _ask("nvmlDeviceGetMigMode", of)
    except NvmlFault:  # cards and drivers that do not know MIG
        return None
    if int(current) != int(pynvml.NVML_DEVICE_MIG_ENABLE):
        return None
    found: dict[int, list[Device]] = {}
    for index in range(min(int(_ask("nvmlDeviceGetMaxMigDeviceCount", of)), _MOST_SLICES)):
        try:
            part = Device(_ask("nvmlDeviceGetMigDeviceHandleByIndex", of, index))
        except NvmlFault:  # nothing at this index
            continue
        found.setdefault(int(_ask("nvmlDeviceGetGpuInstanceId", part)), []).append(part)
    return found


def use(of: Device) -> float:
    """Return which share of the last moment a card was at work, from 0 to 1; raises `NvmlFault`."""
    return int(_ask("nvmlDeviceGetUtilizationRates", of).gpu) / 100


def energy(of: Device) -> float:
    """Return the joules that a card has taken since its driver was loaded; raises `NvmlFault` (before Volta, and of slices)."""
    return int(_ask("nvmlDeviceGetTotalEnergyConsumption", of)) / 1000


def use_by_process(of: Device, since: int) -> dict[int, float]:
    """Return the share of a card's time by process, from 0 to 1, over samples after *since* (microseconds of Unix time).

    Raises:
        NvmlFault: The card or the driver does not account for processes, as a slice does not, or there are no samples.
    """
    samples = _ask("nvmlDeviceGetProcessUtilization", of, since)
    found: dict[int, float] = {}
    for sample in samples:
        found[int(sample.pid)] = max(found.get(int(sample.pid), 0.0), int(sample.smUtil) / 100)
    return found
