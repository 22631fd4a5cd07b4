"""``hostd doctor``: what keeps hostd from serving well on this machine, why, and what to do about it."""

from typing import TYPE_CHECKING, Annotated

import typer

from hostd.cli.exits import Code, VerbError
from hostd.cli.options import AsJson, Url
from hostd.cli.output import NOTHING, Column, emit, show_table, write_line
from hostd.domain.errors import ConfigError, Problem
from hostd.domain.profile import Settings

if TYPE_CHECKING:
    from hostd.cli.client import Client
    from hostd.doctor.context import RunningDaemon
    from hostd.doctor.finding import CheckFinding

_COLUMNS = (Column("STATUS"), Column("CHECK"), Column("FOUND", flexible=True))

Timeout = Annotated[
    float,
    typer.Option("--timeout", min=0.01, metavar="SECONDS", help="How long each check may take.", show_default=True),
]


def doctor(*, timeout: Timeout = 1.0, json: AsJson = False, url: Url = None) -> None:
    """Check this machine, and say what to do.

    The configuration is checked, too. Nothing is changed, and no daemon has to run. The exit code is 1 if something failed;
    warnings are no failure.
    """
    from hostd.cli.client import connect  # costs 0.05 s, and the checks much more
    from hostd.doctor.context import CheckContext
    from hostd.doctor.finding import FindingStatus
    from hostd.doctor.runner import examine

    settings, problems = _settings()
    client = connect(url)
    context = CheckContext(settings, problems, timeout, str(client.address), _daemon(client, timeout))
    findings = examine(context)
    if json:
        emit({"findings": [_plain(each) for each in findings], "counts": _counts(findings)})
    else:
        _show(findings)
    raise typer.Exit(Code.FAILURE if findings and findings[0].status is FindingStatus.FAIL else Code.OK)


def _settings() -> tuple[Settings, tuple[Problem, ...]]:
    from hostd.config.load import load  # costs 0.1 s, which the other verbs do without

    try:
        return load(), ()
    except ConfigError as error:
        return Settings(), error.problems


def _daemon(client: "Client", seconds: float) -> "RunningDaemon | None":
    """Return the daemon that answers within *seconds*, None where none does, or what answers is another program."""
    from hostd.doctor.context import RunningDaemon

    try:
        with client.request("GET", "/hostd/v1/inventory", timeout=seconds) as reply:
            pools = tuple(str(pool["id"]) for pool in reply.json()["pools"])
        with client.request("GET", "/hostd/v1/status", timeout=seconds) as reply:
            troubles = tuple(map(str, reply.json().get("troubles", ())))
    except (VerbError, OSError, LookupError, TypeError, ValueError):
        return None
    return RunningDaemon(str(client.address), pools, troubles)


def _plain(finding: "CheckFinding") -> dict[str, str | None]:
    return {
        "check": finding.check,
        "status": finding.status.value,
        "what": finding.what,
        "why": finding.why or None,
        "remedy": finding.remedy or None,
    }


def _counts(findings: "list[CheckFinding]") -> dict[str, int]:
    from hostd.doctor.finding import FindingStatus

    return {status.value: sum(each.status is status for each in findings) for status in FindingStatus}


def _show(findings: "list[CheckFinding]") -> None:
    """Print a table of all *findings*, then why each of the bad ones is so and what to do."""
    show_table(_COLUMNS, [(each.status.value, each.check, each.what) for each in findings])
    for each in findings:
        if each.remedy:
            write_line(f"\n{each.check}: {each.what}")
            write_line(f"  why: {each.why or NOTHING}")
            write_line(f"  do:  {each.remedy}")
    counts = _counts(findings)
    write_line("\n" + ", ".join(f"{count} {status}" for status, count in counts.items() if count))
