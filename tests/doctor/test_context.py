"""What checks are given."""

import os
from pathlib import Path

import pytest

from hostd.doctor.context import CheckContext, user_name
from tests.doctor.machine import machine


def test_system_files_are_read_below_the_root(tmp_path: Path) -> None:
    """None where there is no such file."""
    context = machine(tmp_path, {"/proc/version": "Linux 6.12\n"})
    assert ("Linux 6.12", None) == (context.read("/proc/version"), context.read("/proc/none"))
    assert Path("/proc/version") == CheckContext().system("/proc/version")


def test_programs_have_less_time_than_their_check(tmp_path: Path) -> None:
    """So that the check can still say that one gave no answer."""
    context = machine(tmp_path, patience=2.0)
    assert 0 < context.program_patience < context.patience


def test_a_user_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers run as numbers that no file names."""
    assert user_name()
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000_001)
    assert "4000000001" == user_name()
