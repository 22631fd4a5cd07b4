"""Prints how far arithmetic is from what real engines took, after the tests that compare the two."""

import pytest

from tests.planning.truth import COMPARED, table


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the table of errors, if the comparison ran."""
    if COMPARED:
        terminalreporter.section("predicted against measured memory")
        for line in table():
            terminalreporter.write_line(line)
