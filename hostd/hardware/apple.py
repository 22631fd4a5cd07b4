"""Apple silicon: one pool, ``metal``, for the memory that processor and graphics share.

What graphics may hold of it is the system's decision, and its share of the whole grows with the machine (two thirds of
16 GiB, 87 % of 256 GiB), so it is read and never reckoned: from ``iogpu.wired_limit_mb`` where the owner has set that, else
from Metal. There is no pool for main memory beside it, since every byte would then be promised twice. For the same reason
the reserve is taken from the whole, not from the ceiling: what lies above the ceiling is left to others already. So models
may hold ``min(ceiling, total - reserve)``.

Everything but `run` is pure, so that it is tested with the outputs of machines that are not here.
"""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from hostd.domain.host import Pool, PoolKind
from hostd.hardware import metal_query
from hostd.hardware.reading import Reading

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

_PATIENCE = 5.0
_MIB = 2**20
_NO_CEILING = (
    "Metal does not say how much it may hold, so models use main memory only; "
    "to allow graphics, set a limit: sudo sysctl iogpu.wired_limit_mb=MEBIBYTES"
)
_PRESSURE = {"1": "normal", "2": "warning", "4": "critical"}


def run(argv: Sequence[str]) -> str:
    """Return what a command prints, "" when it cannot be run or takes longer than 5 s; its exit status says nothing.

    `sysctl` fails when it does not know one name of several, and prints the others.
    """
    try:
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=_PATIENCE, check=False)  # noqa: S603 - fixed commands
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


class Mac:
    """A Mac's memory. What Metal said is kept between readings, until the owner moves the limit."""

    def __init__(self, runner: Runner = run) -> None:
        self._run = runner
        self._ceiling = 0

    def read(self, reserve: int) -> Reading:
        """Return the pool ``metal``; nothing but a trouble where there is no Apple silicon or Metal gives no ceiling."""
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
    """Return the bytes in use according to the output of ``vm_stat``, as Activity Monitor counts; None when it is no such.

    That is what programs hold and cannot be dropped at once (anonymous pages that are not purgeable), what is wired, and
    what the compressor takes.
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
