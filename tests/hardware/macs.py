"""Recorded command outputs of Macs, for tests on other machines."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hostd.hardware.apple import METAL_QUERY, SYSCTL, VM_STAT

VM_STAT_M4 = """\
Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                               16011.
Pages active:                            337462.
Pages inactive:                          333826.
Pages speculative:                         2841.
Pages throttled:                              0.
Pages wired down:                        150842.
Pages purgeable:                           6116.
"Translation faults":                 913540011.
Pages copy-on-write:                   31264017.
Pages zero filled:                    503117204.
Pages reactivated:                     19540113.
Pages purged:                           4021116.
File-backed pages:                       208420.
Anonymous pages:                         465709.
Pages stored in compressor:              391243.
Pages occupied by compressor:            176834.
Decompressions:                        11190442.
Compressions:                          14882016.
Pageins:                               10482190.
Pageouts:                                 38017.
Swapins:                                      0.
Swapouts:                                     0.
"""
USED_M4 = (465709 - 6116 + 150842 + 176834) * 16384


def sysctl(name: str, gib: int, *, wired_limit: int = 0, pressure: int = 1) -> str:
    """Return what `sysctl` prints on a Mac of that name and size."""
    return (
        f"hw.memsize: {gib * 2**30}\n"
        "hw.optional.arm64: 1\n"
        f"iogpu.wired_limit_mb: {wired_limit}\n"
        f"kern.memorystatus_vm_pressure_level: {pressure}\n"
        f"machdep.cpu.brand_string: {name}\n"
    )


@dataclass
class Recorded:
    """Answers as the commands of one Mac do; *asked* holds what was run."""

    sysctl: str
    metal: str
    vm_stat: str = VM_STAT_M4
    asked: list[Sequence[str]] = field(default_factory=list)

    def __call__(self, argv: Sequence[str]) -> str:
        """Return what *argv* prints there."""
        self.asked.append(argv)
        return {SYSCTL: self.sysctl, VM_STAT: self.vm_stat, METAL_QUERY: self.metal}[tuple(argv)]
