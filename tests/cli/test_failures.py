"""What goes wrong with one model of several."""

import pytest

from hostd.cli.exits import Code, VerbError
from hostd.cli.failures import FailureCollector
from hostd.models.errors import HubUnreachable, ModelNotFound


def test_all_is_well_as_long_as_nothing_fails() -> None:
    """The exit code is 0."""
    failures = FailureCollector(["m"])
    with failures.about("m"):
        pass
    assert (Code.OK, []) == (failures.code, failures.models)


def test_each_is_said_and_the_largest_exit_code_stays(capsys: pytest.CaptureFixture[str]) -> None:
    """A profile is named in front of what a hub says of it; a verb's own sentence names what it is about."""
    failures = FailureCollector(["m", "n"])
    for model, failure in (
        ("m", ModelNotFound("it is not there")),
        ("m", HubUnreachable("nobody answers")),
        ("hf:o/r", HubUnreachable("nobody answers at o/r")),
        ("n", VerbError("profile 'n' is odd", Code.USAGE)),
    ):
        with failures.about(model):
            raise failure
    said = "hostd: m: it is not there|hostd: m: nobody answers|hostd: nobody answers at o/r|hostd: profile 'n' is odd"
    assert said.split("|") == capsys.readouterr().err.splitlines()
    assert (Code.UNKNOWN_MODEL, ["m", "hf:o/r", "n"]) == (failures.code, failures.models)


def test_other_faults_are_not_taken_for_setbacks() -> None:
    """A mistake of the program's ends it."""
    with pytest.raises(ZeroDivisionError), FailureCollector([]).about("m"):
        raise ZeroDivisionError
