"""Whether a Mac's limit on wired memory leaves the system enough: a Mac whose graphics hold all of it panics."""

from dataclasses import dataclass

from hostd.doctor.context import CheckContext
from hostd.doctor.finding import Findings, failed, fine, skipped, warned
from hostd.domain.units import format_bytes
from hostd.hardware.apple import SYSCTL, Runner, parse_sysctl, run

_MIB = 1 << 20
_LEAST = 2 << 30
_RESET = "sudo sysctl iogpu.wired_limit_mb=0"


@dataclass(frozen=True, slots=True)
class WiredFacts:
    """A Mac's memory: bytes in all, the owner's limit on what graphics may wire (0: the system's own), and hostd's reserve."""

    total: int
    limit: int
    reserve: int


def check(context: CheckContext) -> Findings:
    """Return whether the limit is safe."""
    if context.platform != "darwin":
        return skipped("there is no limit on wired memory", "only macOS has one")
    return judge(gather(context.settings.reserve.unified))


def gather(reserve: int, runner: Runner = run) -> WiredFacts:
    """Return what sysctl says. Blocks."""
    values = parse_sysctl(runner(SYSCTL))
    total, limit = (values.get(name, "") for name in ("hw.memsize", "iogpu.wired_limit_mb"))
    return WiredFacts(int(total or 0), int(limit or 0) * _MIB, reserve)


def judge(facts: WiredFacts) -> Findings:
    """Return the finding on the limit."""
    if not facts.total:
        return skipped("the limit on wired memory is not known", "sysctl does not tell it")
    if not facts.limit:
        return fine("the limit on wired memory is the system's own")
    limit, total = format_bytes(facts.limit), format_bytes(facts.total)
    left = facts.total - facts.limit
    what = f"graphics may wire {limit} of {total} (iogpu.wired_limit_mb)"
    if left < _LEAST:
        return (failed(what, "wired memory cannot be paged out, and a Mac that runs out of it panics", _RESET),)
    if left < facts.reserve:
        why = f"that leaves less than the {format_bytes(facts.reserve)} of memory.reserve.unified, which hostd keeps all the same"
        return (warned(what, why, _RESET),)
    return fine(what)
