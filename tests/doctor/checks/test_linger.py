"""The check of lingering."""

from pathlib import Path

from hostd.doctor.checks.linger import check
from tests.doctor.machine import machine, only, said, write

SYSTEMD = {"/run/systemd/system/x": ""}


def test_it_matters_for_a_users_service_alone(tmp_path: Path) -> None:
    """Neither without systemd, nor where hostd is no service."""
    assert "skipped" == only(check(machine(tmp_path))).status
    assert "skipped" == only(check(machine(tmp_path, SYSTEMD))).status


def test_a_users_service_needs_it(tmp_path: Path) -> None:
    """Until the user lingers, it ends with the last login."""
    write(tmp_path / "home/.config/systemd/user/hostd.service", "[Service]\n")
    assert ("warn", "loginctl enable-linger ann") == said(check(machine(tmp_path, SYSTEMD)))
    assert "ok" == only(check(machine(tmp_path, {"/var/lib/systemd/linger/ann": ""}))).status
