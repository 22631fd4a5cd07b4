"""The check of the configuration."""

from hostd.doctor.checks.configuration import judge
from hostd.domain.errors import Problem
from hostd.domain.profile import Settings
from tests.doctor.machine import only, said

PROBLEM = Problem("unknown key 'listn'", "hostd.yaml", 3, 1)


def test_mistakes_keep_the_daemon_from_starting() -> None:
    """The first is shown, the others are counted."""
    found = only(judge(Settings(), (PROBLEM, PROBLEM)))
    assert ("fail", "hostd config check") == (found.status, found.remedy)
    assert "hostd.yaml:3:1: unknown key 'listn' (and 1 more)" == found.why


def test_remarks_are_a_warning() -> None:
    """A key without effect is no failure."""
    assert ("warn", "hostd config check") == said(judge(Settings(notes=("keys is not implemented",)), ()))


def test_a_sound_configuration() -> None:
    """With a file or without any."""
    assert "/etc/hostd.yaml" in only(judge(Settings(source="/etc/hostd.yaml"), ())).what
    assert "ok" == only(judge(Settings(), ())).status
