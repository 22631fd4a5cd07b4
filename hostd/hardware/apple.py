"""Apple silicon: one pool, ``metal``, for the memory that processor and graphics share.

The system limits the graphics' part, and the limit's share of the whole grows with the machine (two thirds of 16 GiB, 87 % of
256 GiB), so it is read and never computed: from ``iogpu.wired_limit_mb`` if the owner has set it, else from Metal. Main memory
has no pool of its own, since every byte would then be budgeted twice. The reserve is taken from the whole, not from the ceiling,
because memory above the ceiling is left to others already. So models may hold ``min(ceiling, total - reserve)``.

Everything but `run` is pure, so that tests use recorded outputs of other machines.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from hostd.domain.host import Pool, PoolKind
from hostd.hardware import metal_query
from hostd.hardware.reading import Reading
from hostd.programs import output_of, quiet_environment

Runner = Callable[[Sequence[str]], str]

SYSCTL = (
    "/usr/sbin/sysctl",
    "hw.memsize",
    "hw.optional.arm64",
    "iogpu.wired_limit_mb",
    "kern.memorystatus_vm_pressure_level",
    "machdep.cpu.brand_string",
)
VM_STAT = ("/usr/bin/vm_stat",)
METAL_QUERY = (sys.executable, "-I", "-S", str(Path(metal_query.__file__)))

_TIMEOUT = 5.0
_MIB = 2**20
_NO_CEILING = (
    "Metal does not say how much it may hold, so models use main memory only; "
    "to allow graphics, set a limit: sudo sysctl iogpu.wired_limit_mb=MEBIBYTES"
)
_PRESSURE = {"1": "normal", "2": "warning", "4": "critical"}


def run(argv: Sequence[str]) -> str:
    """Return the output of a command, "" if it cannot be run or takes longer than 5 s; its exit status is ignored.

    `sysctl` fails if it does not know one name of several, but prints the others.
    """
    done = output_of(argv, quiet_environment(), seconds=_TIMEOUT)
    return "" if done is None else done.text


class Mac:
    """Memory of a Mac; Metal's recommendation is read once, and the owner's limit overrides it at every reading."""

    def __init__(self, runner: Runner = run) -> None:
        self._run = runner
        self._ceiling = 0

    def read(self, reserve: int) -> Reading:
        """Return the pool ``metal``, or only a trouble without Apple silicon or without a ceiling from Metal."""
        values = parse_sysctl(self._run(SYSCTL))
        total = _number(values.get("hw.memsize", ""))
        if values.get("hw.optional.arm64") != "1":
            return Reading(
                troubles=("this Mac has no Apple silicon, so models use its processor and main memory only",)
            )
        limit = _number(values.get("iogpu.wired_limit_mb", "")) * _MIB
        ceiling = min(limit or self._recommended(), total)
        if not ceiling:
            return Reading(troubles=(_NO_CEILING,))
        used, problem = self._used(total)
        pool = Pool(
            id="metal",
            kind=PoolKind.UNIFIED,
            name=values.get("machdep.cpu.brand_string") or "Apple silicon",
            total=total,
            free=total - used,
            budget=max(0, min(ceiling, total - reserve)),
            facts=(
                ("ceiling_bytes", str(ceiling)),
                ("ceiling_from", "iogpu.wired_limit_mb" if limit else "Metal"),
                ("pressure", _PRESSURE.get(values.get("kern.memorystatus_vm_pressure_level", ""), "unknown")),
            ),
        )
        return Reading((pool,), problem)

    def _recommended(self) -> int:
        self._ceiling = self._ceiling or _number(self._run(METAL_QUERY).strip())
        return self._ceiling

    def _used(self, total: int) -> tuple[int, tuple[str, ...]]:
        used = parse_vm_stat(self._run(VM_STAT))
        if used is None:
            return total, ("vm_stat does not say how much memory is in use, so none is taken to be free",)
        return min(used, total), ()


def parse_sysctl(text: str) -> dict[str, str]:
    """Return the values in the output of ``sysctl NAME...``, by name."""
    pairs = (line.partition(":") for line in text.splitlines())
    return {name.strip(): value.strip() for name, mark, value in pairs if mark}


def parse_vm_stat(text: str) -> int | None:
    """Return the bytes in use from the output of ``vm_stat``, as Activity Monitor counts; None for any other text.

    In use are the anonymous pages that are not purgeable, the wired pages, and the compressor's.
    """
    head, _, rest = text.partition("\n")
    page = _number("".join(filter(str.isdigit, head)))
    lines = (line.partition(":") for line in rest.splitlines())
    values = {name.strip(): _number(value.strip().rstrip(".")) for name, _, value in lines}
    needed = ("Anonymous pages", "Pages wired down", "Pages occupied by compressor")
    if not page or not all(name in values for name in needed):
        return None
    pages = sum(values[name] for name in needed) - values.get("Pages purgeable", 0)
    return max(0, pages) * page


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 20 else 0
