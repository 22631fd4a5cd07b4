"""Whether the service sees the graphics cards that this user sees: device files, the unit's walls, variables that hide them."""

import grp
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hostd.backends.visible_cards import CUDA, HIP, ROCR
from hostd.doctor.context import CheckContext
from hostd.doctor.finding import CheckFinding, Findings, failed, fine, skipped, warned
from hostd.doctor.installed_units import InstalledUnit, system_unit, user_unit
from hostd.hardware.probe import probe

_NVIDIA, _UVM, _AMD = "/dev/nvidia", "/dev/nvidia-uvm", "/dev/kfd"
_PATTERNS = ("nvidia[0-9]*", "nvidiactl", "nvidia-uvm", "kfd", "dri/renderD*")
_ALLOWED = {_NVIDIA: "char-nvidia", _AMD: "char-kfd", "/dev/dri": "char-drm"}
_VISIBLE = (CUDA, HIP, ROCR)
_BOTH = 0o6


@dataclass(frozen=True, slots=True)
class DeviceFile:
    """A card's file below /dev: whether this user may use it, the group that may, and whether all users may."""

    path: str
    usable: bool
    group: str = ""
    for_all: bool = False


@dataclass(frozen=True, slots=True)
class GraphicsFacts:
    """The pools of cards that this process sees, those that the daemon sees (None: none answers), files, units, variables.

    *troubles* are what the daemon says of cards that are gone.
    """

    here: tuple[str, ...] = ()
    daemon: tuple[str, ...] | None = None
    address: str = ""
    files: tuple[DeviceFile, ...] = ()
    units: tuple[InstalledUnit, ...] = ()
    hiding: tuple[str, ...] = ()
    user: str = ""
    troubles: tuple[str, ...] = ()


def check(context: CheckContext) -> Findings:
    """Return whether cards are visible where engines run."""
    return judge(gather(context))


def gather(context: CheckContext) -> GraphicsFacts:
    """Return what this machine shows of its cards. Blocks."""
    cards = tuple(pool.id for pool in probe(context.settings.reserve).accelerators)
    units = tuple(unit for unit in (user_unit(context), system_unit(context)) if unit is not None)
    hiding = tuple(name for name in _VISIBLE if context.environ.get(name, "0").strip() in ("", "-1"))
    daemon = context.daemon
    return GraphicsFacts(
        cards,
        daemon.pools if daemon else None,
        daemon.address if daemon else "",
        tuple(_files(context)),
        units,
        hiding,
        context.user,
        daemon.troubles if daemon else (),
    )


def _files(context: CheckContext) -> Iterator[DeviceFile]:
    folder = context.system("/dev")
    for path in sorted(found for pattern in _PATTERNS for found in folder.glob(pattern)):
        try:
            about = path.stat()
        except OSError:
            continue
        for_all = stat.S_IMODE(about.st_mode) & _BOTH == _BOTH
        usable = os.access(path, os.R_OK | os.W_OK)
        yield DeviceFile(f"/dev/{path.relative_to(folder)}", usable, _group(about.st_gid), for_all)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def judge(facts: GraphicsFacts) -> Findings:
    """Return what keeps the service from the cards."""
    if not facts.here and not facts.files and not facts.troubles:
        return skipped("there are no graphics cards to see", "models use the processor")
    found = (*_degraded(facts), *_hidden_from_daemon(facts), *_closed(facts), *_walled_off(facts), *_by_variable(facts))
    seen = ", ".join(facts.here) or "no card that is measured"
    return found or fine(f"{seen}: nothing hides it from the service")


def _degraded(facts: GraphicsFacts) -> Iterator[CheckFinding]:
    for trouble in facts.troubles:
        yield failed(
            f"the daemon at {facts.address} is degraded",
            f"{trouble}; models of that card are not loaded meanwhile, nor moved to the processor",
            "nvidia-smi; sudo dmesg | grep -e NVRM -e Xid",
        )


def _hidden_from_daemon(facts: GraphicsFacts) -> Iterator[CheckFinding]:
    missing = [] if facts.daemon is None else [pool for pool in facts.here if pool not in facts.daemon]
    if missing:
        yield failed(
            f"the daemon at {facts.address} does not see {', '.join(missing)}",
            "it runs where the cards are hidden, or has run since before they were there",
            "restart it; if that does not help, compare: hostd inventory",
        )


def _closed(facts: GraphicsFacts) -> Iterator[CheckFinding]:
    """Yield files that this user may not use, and the one that CUDA needs besides NVML's."""
    closed = [file for file in facts.files if not file.usable]
    groups = sorted({file.group for file in closed if file.group != "root"})
    if closed:
        named = ", ".join(file.path for file in closed)
        remedy = f"sudo usermod -aG {','.join(groups)} {facts.user}" if groups else f"ls -l {closed[0].path}"
        yield failed(
            f"this user may not use {named}",
            f"it takes the group{'s' if len(groups) > 1 else ''} {', '.join(groups) or 'root'}, from the next login on",
            remedy,
        )
    paths = {file.path for file in facts.files}
    if f"{_NVIDIA}ctl" in paths and _UVM not in paths:
        yield failed(
            f"{_UVM} is missing, so CUDA cannot start",
            "nothing has loaded the driver's second module since the machine started",
            "sudo nvidia-modprobe -u -c=0",
        )


def _walled_off(facts: GraphicsFacts) -> Iterator[CheckFinding]:
    """Yield what the settings of a unit hide."""
    for unit in facts.units:
        edit = f"systemctl {'--user ' if unit.user_unit else ''}edit {Path(unit.path).name}"
        if unit.is_on("PrivateDevices"):
            yield failed(
                f"{unit.path} hides all cards from the service", "it says PrivateDevices=yes", f"{edit}, and write: no"
            )
        allowed = unit.words("DeviceAllow")
        for start, name in _ALLOWED.items():
            concerned = any(file.path.startswith(start) for file in facts.files)
            open_to = {name, f"{name}*"} | {file.path for file in facts.files if file.path.startswith(start)}
            if unit.last("DevicePolicy") in ("closed", "strict") and concerned and not allowed & open_to:
                yield failed(
                    f"{unit.path} hides {start}* from the service",
                    f"DevicePolicy={unit.last('DevicePolicy')} lets nothing through but DeviceAllow",
                    f"{edit}, and write: DeviceAllow={name} rw",
                )
        yield from _for_other_user(unit, facts)


def _for_other_user(unit: InstalledUnit, facts: GraphicsFacts) -> Iterator[CheckFinding]:
    user = unit.last("User")
    if unit.user_unit or user in ("", "root"):
        return
    groups = unit.words("SupplementaryGroups") | {unit.last("Group")} | _groups_of(user)
    closed = sorted({file.group for file in facts.files if not file.for_all and file.group not in groups})
    if closed:
        yield failed(
            f"the service's user {user} may not use the cards",
            f"their files take the group{'s' if len(closed) > 1 else ''} {', '.join(closed)}",
            f"sudo usermod -aG {','.join(closed)} {user}",
        )


def _groups_of(user: str) -> set[str]:
    return {group.gr_name for group in grp.getgrall() if user in group.gr_mem}


def _by_variable(facts: GraphicsFacts) -> Iterator[CheckFinding]:
    for name in facts.hiding:
        yield warned(
            f"{name} hides every card from engines", "it is set to none, and engines inherit it", f"unset {name}"
        )
