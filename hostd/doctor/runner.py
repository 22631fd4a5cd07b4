"""The examination: every check in turn, none of which may take long, hang or end the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Thread

from hostd.doctor.checks import (
    clock,
    configuration,
    daemons,
    database,
    disk,
    driver,
    engines,
    graphics,
    key_file,
    linger,
    names,
    permissions,
    ports,
    profiles,
    proxies,
    shared_state,
    suspend,
    wired_limit,
)
from hostd.doctor.context import CheckContext
from hostd.doctor.finding import CheckFinding, Findings, warned, worst_first

Check = Callable[[CheckContext], Findings]


@dataclass(frozen=True, slots=True)
class NamedCheck:
    """A check and the name that its findings carry."""

    name: str
    run: Check


CHECKS = (
    NamedCheck("configuration", configuration.check),
    NamedCheck("names", names.check),
    NamedCheck("profiles", profiles.check),
    *(NamedCheck(name, engines.check_of(name)) for name in engines.ENGINES),
    NamedCheck("driver", driver.check),
    NamedCheck("graphics", graphics.check),
    NamedCheck("wired limit", wired_limit.check),
    NamedCheck("daemons", daemons.check),
    NamedCheck("ports", ports.check),
    NamedCheck("proxies", proxies.check),
    NamedCheck("permissions", permissions.check),
    NamedCheck("key file", key_file.check),
    NamedCheck("disk", disk.check),
    NamedCheck("database", database.check),
    NamedCheck("shared state", shared_state.check),
    NamedCheck("clock", clock.check),
    NamedCheck("linger", linger.check),
    NamedCheck("suspend", suspend.check),
)


def examine(context: CheckContext, checks: Sequence[NamedCheck] = CHECKS) -> list[CheckFinding]:
    """Return the findings of all *checks*, the worst first, each with the name of its check. Blocks."""
    return worst_first(replace(each, check=check.name) for check in checks for each in _findings(check, context))


def _findings(check: NamedCheck, context: CheckContext) -> Findings:
    """Return what *check* finds; a warning where it breaks, or gives no answer in time."""
    found: list[Findings] = []
    # A driver or a network file system may never answer: a thread of this kind is left behind when the program ends.
    thread = Thread(target=lambda: found.append(_guarded(check, context)), name=check.name, daemon=True)
    thread.start()
    thread.join(context.patience)
    if found:
        return found[0]
    return (
        warned(
            f"nothing is known of the {check.name}: no answer within {context.patience:g} s",
            "a driver, a disk or a program that it asks is slow or hangs",
            f"hostd doctor --timeout {10 * context.patience:g}",
        ),
    )


def _guarded(check: NamedCheck, context: CheckContext) -> Findings:
    try:
        return check.run(context)
    except Exception as error:  # noqa: BLE001 - a check that breaks must not hide what the others find
        why = f"the check broke off ({type(error).__name__}: {error})"
        return (warned(f"nothing is known of the {check.name}", why, "report this, with the output of: hostd version"),)
