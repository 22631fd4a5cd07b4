"""The finding of a check: how bad, what is so, why, and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class FindingStatus(StrEnum):
    """The weight of a finding, the worst first; *skipped* says that a check does not apply to this machine."""

    FAIL = "fail"
    WARN = "warn"
    SKIPPED = "skipped"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """One result of the check named *check*: *what* is so, *why*, and the *remedy*, a command where there is one ("" for none)."""

    status: FindingStatus
    what: str
    why: str = ""
    remedy: str = ""
    check: str = ""

    def __str__(self) -> str:
        return f"{self.status}: {self.what}"


Findings = tuple[CheckFinding, ...]


def fine(what: str) -> Findings:
    """Return the one finding that all is well."""
    return (CheckFinding(FindingStatus.OK, what),)


def skipped(what: str, why: str) -> Findings:
    """Return the one finding that a check does not apply here."""
    return (CheckFinding(FindingStatus.SKIPPED, what, why),)


def failed(what: str, why: str, remedy: str) -> CheckFinding:
    """Return a finding that keeps something from working."""
    return CheckFinding(FindingStatus.FAIL, what, why, remedy)


def warned(what: str, why: str, remedy: str) -> CheckFinding:
    """Return a finding that may harm."""
    return CheckFinding(FindingStatus.WARN, what, why, remedy)


def worst_first(findings: Iterable[CheckFinding]) -> list[CheckFinding]:
    """Return *findings* by weight; those of one weight keep their order."""
    order = list(FindingStatus)
    return sorted(findings, key=lambda each: order.index(each.status))
