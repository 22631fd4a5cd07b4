"""Whether a user's service runs while that user is not logged in (systemd calls it lingering)."""

from dataclasses import dataclass

from hostd.doctor.context import CheckContext
from hostd.doctor.finding import Findings, fine, skipped, warned
from hostd.doctor.installed_units import user_unit


@dataclass(frozen=True, slots=True)
class LingerFacts:
    """Whether systemd runs this machine, the user's *unit* (None: not installed), and whether the *user* lingers."""

    systemd: bool = False
    unit: str | None = None
    user: str = ""
    lingers: bool = False


def check(context: CheckContext) -> Findings:
    """Return whether the user's service ends with the last login."""
    return judge(gather(context))


def gather(context: CheckContext) -> LingerFacts:
    """Return what systemd's files say."""
    unit = user_unit(context)
    return LingerFacts(
        context.system("/run/systemd/system").is_dir(),
        None if unit is None else unit.path,
        context.user,
        context.system(f"/var/lib/systemd/linger/{context.user}").exists(),
    )


def judge(facts: LingerFacts) -> Findings:
    """Return the finding on lingering."""
    if not facts.systemd:
        return skipped("lingering does not matter here", "systemd does not run this machine")
    if facts.unit is None:
        return skipped("lingering does not matter here", "hostd is not installed as a service of this user")
    if facts.lingers:
        return fine(f"the service of {facts.user} runs from boot on, whoever is logged in")
    return (
        warned(
            f"the service of {facts.user} ends when {facts.user} logs out, and does not start at boot",
            f"{facts.unit} is a user's unit, and this user does not linger",
            f"loginctl enable-linger {facts.user}",
        ),
    )
