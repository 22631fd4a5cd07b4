"""The check of a Mac's limit on wired memory."""

from pathlib import Path

import pytest

from hostd.doctor.checks.wired_limit import WiredFacts, check, gather, judge
from tests.doctor.machine import machine, only, said

GIB = 1 << 30
RESERVE = 6 * GIB


@pytest.mark.parametrize(
    ("limit", "status"), [(0, "ok"), (48, "ok"), (60, "warn"), (63, "fail"), (64, "fail"), (80, "fail")]
)
def test_what_is_left_to_the_system(limit: int, status: str) -> None:
    """Of 64 GiB: the system's own limit, a sound one, one that leaves less than the reserve, and those that may panic."""
    assert status == only(judge(WiredFacts(64 * GIB, limit * GIB, RESERVE))).status


def test_the_remedy_is_the_systems_own_limit() -> None:
    """Hostd never sets one itself."""
    assert ("fail", "sudo sysctl iogpu.wired_limit_mb=0") == said(judge(WiredFacts(64 * GIB, 64 * GIB, RESERVE)))


def test_what_sysctl_says() -> None:
    """Recorded on an M2 Max with 64 GiB; nothing on a machine without that program."""
    told = "hw.memsize: 68719476736\nhw.optional.arm64: 1\niogpu.wired_limit_mb: 57344\nkern.memorystatus_vm_pressure_level: 1\n"
    assert WiredFacts(64 * GIB, 56 * GIB, RESERVE) == gather(RESERVE, lambda _: told)
    assert "skipped" == only(judge(gather(RESERVE, lambda _: ""))).status


def test_only_macs_have_one(tmp_path: Path) -> None:
    """Nothing is asked elsewhere."""
    assert "skipped" == only(check(machine(tmp_path))).status
