"""The table of hostd/README.md of what happens when something breaks: its tests are there, and no state is missing."""

import re

import pytest

from hostd.domain.lifecycle import State
from tests.journeys.states import ROOT
from tests.security.test_requirements import docstrings


def rows() -> list[tuple[str, str, str]]:
    """Return what breaks, what happens, and the test."""
    text = (ROOT / "hostd/README.md").read_text("utf-8")
    table = text.partition("<!-- failures -->\n")[2].partition("<!-- /failures -->")[0]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in table.splitlines()[2:]]  # type: ignore[misc]


def test_each_row_has_a_test_that_says_what_it_shows() -> None:
    """Under the name that the row gives."""
    assert len(rows()) > 15
    for what, happens, named in rows():
        file, _, test = named.strip("`").partition("::")
        assert docstrings(file)[test], (what, happens)


@pytest.mark.parametrize("victim", ["an engine", "the daemon"])
def test_every_state_of_the_lifecycle_has_a_row(victim: str) -> None:
    """For kill -9 of either."""
    begins = f"kill -9 of {victim}: "
    told = [what.removeprefix(begins) for what, _, _ in rows() if what.startswith(begins)]
    assert set(State) <= {word for text in told for word in re.findall(r"\w+", text)}
