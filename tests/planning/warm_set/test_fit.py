"""Verdicts, and the least that must go."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.planning.footprint.placement import full_offload, pool_budgets
from hostd.planning.warm_set.fit import LoadedModel, Verdict, cheapest, decide, freed
from tests.planning.machines import GIB, machine, way

CARD = machine(24)


def resident(name: str, size: int, pool: str = "cuda:0") -> LoadedModel:
    """Return a model that holds so many GiB."""
    return LoadedModel(name, {pool: size * GIB})


def test_the_first_way_that_fits_is_taken() -> None:
    """Ways are best first."""
    found = decide([way(30), way(20), way(10)], CARD, pool_budgets(CARD))
    assert found
    assert (Verdict.FITS, "llamacpp:20") == (found.verdict, found.option.mode.label)


def test_room_is_made_before_layers_are_left_to_the_host() -> None:
    """An idle model goes rather than that another runs on the CPU."""
    free = {"cuda:0": 4 * GIB, "ram": 64 * GIB}
    found = decide([way(20, layers=20)], CARD, free, [resident("a", 20)])
    assert found
    assert (Verdict.FITS_AFTER_EVICTING, ("a",), None) == (found.verdict, found.evict, found.option.gpu_layers)
    alone = decide([way(20, layers=20)], CARD, free)
    assert alone
    assert (Verdict.FITS, 4) == (alone.verdict, alone.option.gpu_layers)


def test_what_does_not_fit_says_what_is_missing() -> None:
    """Even with everything gone that could go."""
    found = decide([way(30)], CARD, {"cuda:0": 4 * GIB}, [resident("a", 10)])
    assert found
    assert (Verdict.DOES_NOT_FIT, {"cuda:0": 16 * GIB}, ()) == (found.verdict, found.short, found.evict)


def test_a_machine_without_a_place_has_no_verdict() -> None:
    """An engine that needs a card has no place on a machine without one."""
    assert decide([way(1, cards_only=True)], machine(), {"ram": 64 * GIB}) is None


@pytest.mark.parametrize(
    ("sizes", "gone"),
    [((8, 20, 12), ("12",)), ((8, 9, 5), ("5", "8")), ((1, 2, 3), ()), ((6, 6, 12), ("12",))],
)
def test_the_fewest_and_then_the_smallest_go(sizes: tuple[int, ...], gone: tuple[str, ...]) -> None:
    """One large model goes rather than two small ones; of equally many, the smallest."""
    loaded = [resident(str(size), size) for size in sorted(sizes)]
    free = {"cuda:0": 8 * GIB}
    assert gone == tuple(each.name for each in cheapest(full_offload, [way(20)], CARD, free, loaded))


@given(st.lists(st.integers(1, 9), max_size=6), st.integers(1, 40))
def test_what_goes_is_minimal(sizes: list[int], size: int) -> None:
    """No smaller number of residents would do, and none at all goes where even all would not do."""
    loaded = [resident(str(at), each) for at, each in enumerate(sizes)]
    gone = cheapest(full_offload, [way(size)], CARD, {"cuda:0": 0}, loaded)
    assert bool(gone) is (sum(sizes) >= size)
    if gone:
        assert size <= sum(each.bytes for each in gone) // GIB
        fewer = combinations(sizes, len(gone) - 1)
        assert all(sum(some) < size for some in fewer)


def test_many_residents_go_largest_first() -> None:
    """Where there are too many to try all combinations."""
    loaded = [resident(str(size), size) for size in range(1, 21)]
    assert ["20", "19"] == [each.name for each in cheapest(full_offload, [way(30)], CARD, {"cuda:0": 0}, loaded)]


def test_room_is_freed_where_it_was_held() -> None:
    """Pool by pool."""
    assert {"cuda:0": 3 * GIB, "ram": 2 * GIB} == freed(
        {"cuda:0": GIB}, [resident("a", 2), resident("b", 2, pool="ram")]
    )
