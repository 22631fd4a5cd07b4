"""The descriptions themselves: found by their module, and honest about what they leave out."""

from tests.conformance import test_conformance
from tests.conformance.engines import ENGINES


def test_every_module_is_an_engine_of_its_own() -> None:
    """Names tell them apart in a report."""
    assert len(ENGINES) == len({engine.name for engine in ENGINES}) >= 4


def test_declares_only_what_is_tested() -> None:
    """What an engine says that it cannot do is the name of a test of the suite."""
    missed = {name for engine in ENGINES for name in engine.misses}
    assert set() == missed - {name.removeprefix("test_") for name in vars(test_conformance)}
