"""The table of SECURITY.md: every requirement has its row, and every test that a row names is there and says what it is for."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parents[1]
IDS = (*(f"R{number}" for number in range(1, 16)), "R15b", *(f"R{number}" for number in range(16, 36)))
_INCIDENT = re.compile(r"(?:CVE|GHSA|GO)-[0-9a-z-]+")


class Row(NamedTuple):
    """One requirement, as the table has it; *tests* are ``(file, function)``."""

    incidents: tuple[str, ...]
    state: str
    tests: tuple[tuple[str, str], ...]


def rows() -> dict[str, Row]:
    """Return the rows of the table by the name of their requirement."""
    text = (TESTS.parent / "SECURITY.md").read_text("utf-8")
    table = text.partition("<!-- requirements -->\n")[2].partition("<!-- /requirements -->")[0]
    found = {}
    for line in table.splitlines()[2:]:
        name, _, because, state, tests = (cell.strip() for cell in line.strip("|").split("|"))
        named = tuple((file, function) for file, function in re.findall(r"`(\S+?)::(\w+)`", tests))
        found[name] = Row(tuple(_INCIDENT.findall(because)), state, named)
    return found


@cache
def docstrings(file: str) -> dict[str, str]:
    """Return the docstrings of the tests in *file*, a path below `tests/`."""
    tree = ast.parse((TESTS / file).read_text("utf-8"))
    return {
        node.name: " ".join((ast.get_docstring(node) or "").split())
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_requirement_has_a_row() -> None:
    """In their order, none twice."""
    assert list(IDS) == list(rows())


@pytest.mark.parametrize("name", IDS)
def test_its_tests_name_it_and_the_incident(name: str) -> None:
    """Their docstrings do. Without a test, the state says why it cannot apply."""
    row = rows()[name]
    assert row.state
    assert row.tests or row.state.startswith("does not apply: ")
    said = [docstrings(file)[function] for file, function in row.tests]
    assert [] == [text for text in said if not re.search(rf"\b{name}\b", text)]
    assert {incident for incident in row.incidents if row.tests and incident not in " ".join(said)} == set()


def test_every_test_that_names_one_is_of_the_table_or_beside_it() -> None:
    """A test of this folder names a requirement, so that a reader knows why it is there."""
    files = [path for path in Path(__file__).parent.glob("test_*.py") if path.name != Path(__file__).name]
    nameless = [
        (path.name, test)
        for path in files
        for test, said in docstrings(f"security/{path.name}").items()
        if test.startswith("test_") and not re.search(r"\bR\d+b?\b", said)
    ]
    assert [] == nameless
