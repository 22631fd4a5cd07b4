"""Whether NVIDIA's cards keep their memory over a suspend, and hostd is told of one, so that it can unload models before.

Without the first, engines may lose their cards; without the second, they notice it only afterwards.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from hostd.doctor.context import CheckContext
from hostd.doctor.finding import CheckFinding, Findings, fine, skipped, warned

_UNITS = ("nvidia-suspend.service", "nvidia-resume.service")
_WANTED_BY = ("systemd-suspend.service", "suspend.target")
_MASKED = "/dev/null"
_SLEEP = ("/etc/systemd/system/sleep.target", "/etc/systemd/system/suspend.target")


@dataclass(frozen=True, slots=True)
class SuspendFacts:
    """A machine's suspend: whether NVIDIA's driver is loaded, whether it can suspend at all, and what saves the cards' memory.

    *preserves* None where the driver does not say. *notified* says that the kernel itself tells the driver, as newer ones let it,
    *announced* that there is a bus on which logind tells hostd.
    """

    nvidia: bool = False
    systemd: bool = False
    suspends: bool = True
    preserves: bool | None = None
    notified: bool = False
    announced: bool = True
    missing: tuple[str, ...] = ()


def check(context: CheckContext) -> Findings:
    """Return whether the cards survive a suspend."""
    return judge(gather(context))


def gather(context: CheckContext) -> SuspendFacts:
    """Return what the kernel, the driver and systemd's files say."""
    parameters = dict(_parameters(context.read("/proc/driver/nvidia/params") or ""))
    masked = any(link.is_symlink() and str(link.readlink()) == _MASKED for link in map(context.system, _SLEEP))
    preserves = parameters.get("PreserveVideoMemoryAllocations")
    return SuspendFacts(
        context.system("/proc/driver/nvidia/version").exists(),
        context.system("/run/systemd/system").is_dir(),
        "mem" in (context.read("/sys/power/state") or "").split() and not masked,
        None if preserves is None else preserves != "0",
        parameters.get("UseKernelSuspendNotifiers", "0") != "0",
        context.system("/run/dbus/system_bus_socket").exists(),
        tuple(unit for unit in _UNITS if not _is_enabled(context, unit)),
    )


def _parameters(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, mark, value = line.partition(":")
        if mark:
            yield name.strip(), value.strip()


def _is_enabled(context: CheckContext, unit: str) -> bool:
    return any(
        context.system(f"{folder}/{target}.{kind}/{unit}").is_symlink()
        for folder in ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
        for target in _WANTED_BY
        for kind in ("wants", "requires")
    )


def judge(facts: SuspendFacts) -> Findings:
    """Return the finding on suspend."""
    if not facts.nvidia:
        return skipped("a suspend does no harm here", "there is no card of NVIDIA's that would lose its memory")
    if not facts.suspends:
        return fine("this machine does not suspend")
    return (*_unannounced(facts), *_kept(facts))


def _unannounced(facts: SuspendFacts) -> Iterator[CheckFinding]:
    if facts.systemd and not facts.announced:
        yield warned(
            "hostd is not told when this machine is about to sleep, and cannot unload models from the cards before",
            "there is no system bus (D-Bus), on which systemd's logind announces it",
            "install dbus, and restart hostd",
        )


def _kept(facts: SuspendFacts) -> Findings:
    if facts.preserves and facts.notified:
        return fine("the driver saves the cards' memory over a suspend")
    if not facts.systemd:
        return skipped("what happens at a suspend is not known", "systemd does not run this machine")
    if facts.preserves and not facts.missing:
        return fine("the cards' memory is saved before a suspend and restored after it")
    what = "after a suspend engines may lose their cards, and answer from the processor or not at all"
    if facts.missing:
        missing = " ".join(unit.removesuffix(".service") for unit in facts.missing)
        remedy = f"sudo systemctl enable {missing}"
        return (warned(what, f"{' and '.join(facts.missing)} is not enabled", f"{remedy}{_option(facts)}"),)
    return (warned(what, "the driver does not preserve the cards' memory", _option(facts).removeprefix(", then: ")),)


def _option(facts: SuspendFacts) -> str:
    if facts.preserves:
        return ""
    option = "options nvidia NVreg_PreserveVideoMemoryAllocations=1"
    return f", then: echo {option} | sudo tee /etc/modprobe.d/nvidia-suspend.conf (and restart)"
