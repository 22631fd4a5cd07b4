"""``hostd.simulation.workload``."""

import pytest

from hostd.simulation.workload import choose_workload
from tests.simulation.example_hosts import host_of, model_of, usual


def test_the_pair_does_not_fit_together() -> None:
    """The largest two; small ones are beside them, and others do not fit beside the first."""
    workload = choose_workload(usual())
    assert ["coder", "planner"] == [part.model for part in workload.pair]
    assert ["vectors", "fast"] == [part.model for part in workload.small]
    assert ["writer", "reviewer"] == [part.model for part in workload.others]
    assert {"coder", "planner", "writer", "reviewer"} == {part.model for part in workload.large}
    assert set(workload.models) == set(usual().models)


def test_a_part_knows_how_long_it_takes() -> None:
    """A usual request, alone; a model for embeddings writes nothing."""
    workload = choose_workload(usual())
    vectors, coder = workload.small[0], workload.pair[0]
    assert 0 == vectors.output_tokens
    assert coder.prompt_tokens / 4400.0 + coder.output_tokens / 110.0 == coder.seconds_alone


def test_without_a_pair_there_is_no_cast() -> None:
    """On a card that holds everything, and on one that holds nothing large."""
    for gib in (100.0, 4.0):
        models = usual().models.values()
        with pytest.raises(ValueError, match="no two of its models"):
            choose_workload(host_of(*models, gib=gib))
    with pytest.raises(ValueError, match="no two of its models"):
        choose_workload(host_of(model_of("a", 1.0)))
