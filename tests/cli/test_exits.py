"""What a program that calls hostd can rely on."""

import os

import pytest

from hostd.cli.exits import Code, DaemonUnreachable, FailureCollector, VerbError
from hostd.models.errors import HubUnreachable, ModelNotFound


def test_codes_are_those_of_the_contract() -> None:
    """Scripts branch on these numbers; two of them are the system's own."""
    expected = {"FAILURE": 1, "USAGE": 2, "UNREACHABLE": 3, "NOT_ALLOWED": 4, "UNKNOWN_MODEL": 5}
    assert expected.items() <= {code.name: int(code) for code in Code}.items()
    assert (os.EX_TEMPFAIL, os.EX_CONFIG) == (Code.BUSY, Code.BAD_CONFIG)


def test_an_unreachable_daemon_has_a_code_of_its_own() -> None:
    """It is a failure of the verb like any other, told apart by its code."""
    error = DaemonUnreachable("http://127.0.0.1:1", "refused")
    assert isinstance(error, VerbError)
    assert Code.UNREACHABLE is error.code


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
        ("m", HubUnreachable("no answer")),
        ("hf:o/r", HubUnreachable("no answer at o/r")),
        ("n", VerbError("profile 'n' is odd", Code.USAGE)),
    ):
        with failures.about(model):
            raise failure
    said = "hostd: m: it is not there|hostd: m: no answer|hostd: no answer at o/r|hostd: profile 'n' is odd"
    assert said.split("|") == capsys.readouterr().err.splitlines()
    assert (Code.UNKNOWN_MODEL, ["m", "hf:o/r", "n"]) == (failures.code, failures.models)


def test_a_bug_ends_the_verb() -> None:
    """It is no failure of one model."""
    with pytest.raises(ZeroDivisionError), FailureCollector([]).about("m"):
        raise ZeroDivisionError
