"""The check of the clock."""

import os
from pathlib import Path

from hostd.doctor.checks.clock import LATEST, ClockFacts, check, judge
from tests.doctor.machine import machine, only, write

NOW = 1_795_000_000.0
DAY = 86400.0


def test_a_clock_that_cannot_be_right() -> None:
    """Long before hostd was installed, as without a battery, and long after."""
    assert "fail" == only(judge(ClockFacts(now=0.0, installed=NOW))).status
    assert "fail" == only(judge(ClockFacts(now=LATEST + 1, installed=NOW))).status


def test_a_clock_that_was_set_back() -> None:
    """What was written later than now tells; some seconds do not matter."""
    assert "warn" == only(judge(ClockFacts(NOW, NOW - DAY, newest=NOW + DAY))).status
    assert "ok" == only(judge(ClockFacts(NOW, NOW - DAY, newest=NOW + 5))).status


def test_this_machine(tmp_path: Path) -> None:
    """Its state folder is read where there is one."""
    assert "ok" == only(check(machine(tmp_path))).status
    record = write(tmp_path / "state/measurements.jsonl", "")
    os.utime(record, (LATEST, LATEST))
    assert "warn" == only(check(machine(tmp_path))).status
