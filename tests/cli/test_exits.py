"""What a program that calls hostd can rely on."""

import os

from hostd.cli.exits import Code, DaemonUnreachable, VerbError


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
