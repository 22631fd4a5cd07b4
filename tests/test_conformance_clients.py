"""The README's table of clients says what was run, in the versions that are pinned."""

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
frameworks = pytest.importorskip("clients.frameworks")
results = pytest.importorskip("clients.results")

from tests.journeys.agents.programs import PROGRAMS  # noqa: E402
from tests.journeys.vendor_suites import SUITES, Outcome  # noqa: E402

ROWS: list[dict[str, Any]] = json.loads((ROOT / "tests/data/clients.json").read_text("utf-8"))
LOCKED = {each["name"]: each.get("version") for each in tomllib.loads((ROOT / "pylock.toml").read_text())["packages"]}


def test_every_suite_has_its_line() -> None:
    """In the version that is locked; the same of frameworks, in the version that their environments pin."""
    lines = {(row["client"], row["suite"]): row["version"] for row in ROWS}
    expected = {(suite.client, suite.name): LOCKED[suite.package] for suite in SUITES}
    expected |= {(each.client, each.suite): each.version for each in frameworks.FRAMEWORKS}
    assert expected == {about: version for about, version in lines.items() if about in expected}
    assert len(PROGRAMS) == len(lines) - len(expected)


def test_programs_are_those_that_are_installed() -> None:
    """`scripts/agents` names their versions."""
    pinned = set(re.findall(r"@([0-9.]+)|aider=([0-9.]+)", (ROOT / "scripts/agents").read_text("utf-8")))
    versions = {row["version"] for row in ROWS if row["suite"] == "writes a file"}
    assert versions <= {number for pair in pinned for number in pair}


def test_what_failed_says_why() -> None:
    """And something passed in every line."""
    assert [] == [row for row in ROWS if row["failed"] and not row["why"]]
    assert [] == [row for row in ROWS if not row["passed"]]


def test_the_table_on_the_screen() -> None:
    """Has a line for each suite, also for one that was not run."""
    row = results.Result.of(("a client", "a suite", "1.0"), Outcome(2, 1, 0, "b is not there"), "c")
    idle = results.Result.of(("another", "its suite", ""), Outcome(), "c")
    lines = results.table([row, idle]).splitlines()
    assert ["a client", "a suite", "1.0", "2", "1", "0", "b is not there"] == re.split(r"  +", lines[1])
    assert lines[2].endswith("without c")
