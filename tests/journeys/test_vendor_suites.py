"""What the vendors of clients ship as tests and examples passes before a real llama-server, and results are read as they are."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.host import Host, serving
from tests.journeys.vendor_suites import SUITES, Outcome, Suite, profiles, run_pytest


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A daemon with a chat model and one that makes embeddings, under all names that the suites use."""
    with serving(tmp_path_factory.mktemp("suites"), *profiles()) as running:
        yield running


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: f"{suite.package} {suite.name}")
def test_a_suite_passes(host: Host, suite: Suite) -> None:
    """With strict and loose validation, where its client has both."""
    if suite.missing is not None:
        pytest.skip(suite.missing)
    outcome = suite.run(host.url)
    assert (0, "") == (outcome.failed, outcome.why)
    assert outcome.passed > 0


def test_outcomes_are_counted(tmp_path: Path) -> None:
    """Of what failed, the first says why; a file that cannot be read is a failure."""
    tests = "import pytest\ndef test_a(): pass\ndef test_b(): assert 0, 'b is not there'\ndef test_c(): pytest.skip()\n"
    (tmp_path / "test_it.py").write_text(tests, "utf-8")
    outcome = run_pytest(sys.executable, ["test_it.py"], tmp_path, {})
    assert (1, 1, 1) == (outcome.passed, outcome.failed, outcome.skipped)
    assert "b is not there" in outcome.why
    assert 1 == run_pytest(sys.executable, ["absent.py"], tmp_path, {}).failed
    assert Outcome(1, 1, 0, "x") == Outcome(1) + Outcome(0, 1, 0, "x")
