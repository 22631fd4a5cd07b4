"""Whether the clock can be right: certificates, windows of the week, budgets of a day and retention all go by it."""

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import hostd
from hostd.doctor.context import CheckContext
from hostd.doctor.finding import Findings, failed, fine, warned

_DAY, _SLACK = 86400.0, 120.0
_REMEDY = "sudo sntp -sS time.apple.com" if sys.platform == "darwin" else "sudo timedatectl set-ntp true"
LATEST = 4102444800.0
"""The year 2100, in seconds of Unix time."""


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """Unix times in seconds: *now*, when hostd's files were written, and when the newest of its state was (0: none)."""

    now: float
    installed: float
    newest: float = 0.0


def check(context: CheckContext) -> Findings:
    """Return whether the clock can be right."""
    return judge(gather(context.state))


def gather(state: Path) -> ClockFacts:
    """Return the time now, and times that must have been before."""
    return ClockFacts(time.time(), _newest([Path(hostd.__file__)]), _newest(state.glob("*")))


def _newest(paths: Iterable[Path]) -> float:
    found = [0.0]
    for path in paths:
        try:
            found.append(path.stat().st_mtime)
        except OSError:
            continue
    return max(found)


def judge(facts: ClockFacts) -> Findings:
    """Return the finding on the clock."""
    said = datetime.fromtimestamp(facts.now, UTC).strftime("%Y-%m-%d %H:%M UTC")
    if facts.now < facts.installed - _DAY:
        why = "hostd was installed later than that, so no certificate of a provider or a hub would be accepted"
        return (failed(f"the clock says {said}, which cannot be", why, _REMEDY),)
    if facts.now > LATEST:
        return (failed(f"the clock says {said}, which cannot be", "certificates would have run out", _REMEDY),)
    if facts.newest > facts.now + _SLACK:
        ahead = datetime.fromtimestamp(facts.newest, UTC).strftime("%Y-%m-%d %H:%M UTC")
        why = f"hostd's state was written at {ahead}; budgets and demand go by the clock"
        return (warned(f"the clock was set back, to {said}", why, _REMEDY),)
    return fine(f"the clock says {said}")
