"""The examination."""

import threading
from pathlib import Path

from hostd.doctor import checks
from hostd.doctor.context import CheckContext
from hostd.doctor.finding import Findings, failed, fine
from hostd.doctor.runner import CHECKS, NamedCheck, examine
from tests.doctor.machine import machine


def sound(_: CheckContext) -> Findings:
    """Find nothing."""
    return fine("all is well")


def test_every_check_is_named_once() -> None:
    """A finding's name tells which file to look at."""
    names = [check.name for check in CHECKS]
    assert len(names) == len(set(names))
    files = {path.stem for path in Path(checks.__file__).parent.glob("[a-z]*.py")} - {"engines"}
    assert files <= {name.replace(" ", "_") for name in names}


def test_findings_carry_their_check_and_the_worst_are_first(tmp_path: Path) -> None:
    """One check may find several things."""

    def bad(_: CheckContext) -> Findings:
        return failed("one", "why", "do"), failed("two", "why", "do")

    found = examine(machine(tmp_path), (NamedCheck("sound", sound), NamedCheck("bad", bad)))
    assert [("fail", "bad", "one"), ("fail", "bad", "two"), ("ok", "sound", "all is well")] == [
        (each.status, each.check, each.what) for each in found
    ]


def test_a_check_that_hangs_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """It becomes a warning that says how to give it longer."""
    release = threading.Event()

    def hangs(_: CheckContext) -> Findings:
        release.wait()
        return ()

    both = (NamedCheck("driver", hangs), NamedCheck("sound", sound))
    hung, well = examine(machine(tmp_path, patience=0.05), both)
    release.set()
    assert ("warn", "driver", "hostd doctor --timeout 0.5") == (hung.status, hung.check, hung.remedy)
    assert "ok" == well.status


def test_a_check_that_breaks_is_reported(tmp_path: Path) -> None:
    """With its error, as a warning: it says nothing of the machine."""

    def breaks(_: CheckContext) -> Findings:
        raise ZeroDivisionError("by zero")

    (found,) = examine(machine(tmp_path), (NamedCheck("disk", breaks),))
    assert "warn" == found.status
    assert "ZeroDivisionError: by zero" in found.why
