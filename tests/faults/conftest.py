"""Prints the table of the fault catalogue at the end of a run."""

import pytest

from tests.faults.results import RESULTS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, if any of its tests ran in this process."""
    lines = RESULTS.table()
    if lines:
        terminalreporter.section("fault catalogue")
        for line in lines:
            terminalreporter.write_line(line)
