"""What goes wrong with one model of several."""

import pytest

from hostd.cli.exits import Code, VerbError
from hostd.cli.failures import Setbacks
from hostd.models.errors import NotThere, Unreachable


def test_all_is_well_as_long_as_nothing_fails() -> None:
    """The exit code is 0."""
    setbacks = Setbacks(["m"])
    with setbacks.about("m"):
        pass
    assert (Code.OK, []) == (setbacks.code, setbacks.models)


def test_each_is_said_and_the_largest_exit_code_stays(capsys: pytest.CaptureFixture[str]) -> None:
    """A profile is named in front of what a hub says of it; a verb's own sentence names what it is about."""
    setbacks = Setbacks(["m", "n"])
    for model, failure in (
        ("m", NotThere("it is not there")),
        ("m", Unreachable("nobody answers")),
        ("hf:o/r", Unreachable("nobody answers at o/r")),
        ("n", VerbError("profile 'n' is odd", Code.USAGE)),
    ):
        with setbacks.about(model):
            raise failure
    said = "hostd: m: it is not there|hostd: m: nobody answers|hostd: nobody answers at o/r|hostd: profile 'n' is odd"
    assert said.split("|") == capsys.readouterr().err.splitlines()
    assert (Code.UNKNOWN_MODEL, ["m", "hf:o/r", "n"]) == (setbacks.code, setbacks.models)


def test_other_faults_are_not_taken_for_setbacks() -> None:
    """A mistake of the program's ends it."""
    with pytest.raises(ZeroDivisionError), Setbacks([]).about("m"):
        raise ZeroDivisionError
