"""Which models are evicted: the cheapest sufficient set, and never one model more."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import inf, isclose
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostd.planning.warm_set.eviction import (
    STEP_DOWN,
    EvictionCandidate,
    LoadPlan,
    best_load,
    cheapest_eviction,
    probability,
    reload_cost,
    steps_down,
)
from hostd.planning.warm_set.load_option import LoadOption

POOLS = ("cuda:0", "cuda:1")


def one(name: str, price: float, held: int, pool: str = "cuda:0") -> EvictionCandidate:
    """Return a candidate that holds so much of one pool."""
    return EvictionCandidate(name, price, {pool: held}, 0.0)


def enough(chosen: Sequence[EvictionCandidate], short: Mapping[str, int]) -> bool:
    """Whether evicting *chosen* frees what is short."""
    return all(sum(each.bytes.get(pool, 0) for each in chosen) >= lack for pool, lack in short.items())


def names(chosen: Sequence[EvictionCandidate] | None) -> list[str] | None:
    """Return the names of the evicted models."""
    return None if chosen is None else sorted(each.name for each in chosen)


@st.composite
def crowds(draw: st.DrawFn, fewest: int, most: int) -> list[EvictionCandidate]:
    """Draw candidates that hold a little of one or two pools; zero costs and equal costs occur."""
    return [
        EvictionCandidate(
            f"m{number:02}",
            draw(st.sampled_from([0.0, 0.5, 1.0, 1.0, 2.0, 7.25, 40.0])),
            {pool: draw(st.integers(0, 6)) for pool in POOLS},
            0.0,
        )
        for number in range(draw(st.integers(fewest, most)))
    ]


SHORT = st.dictionaries(st.sampled_from(POOLS), st.integers(1, 18), min_size=1)


@pytest.mark.slow
@given(candidates=crowds(0, 8), short=SHORT)
@settings(max_examples=300, deadline=None)
def test_nothing_cheaper_suffices(candidates: list[EvictionCandidate], short: Mapping[str, int]) -> None:
    """The cost is that of the best of all subsets; there is no answer exactly when all together are too few."""
    found = cheapest_eviction(candidates, short)
    sets = [chosen for size in range(len(candidates) + 1) for chosen in combinations(candidates, size)]
    prices = [sum(each.cost for each in chosen) for chosen in sets if enough(chosen, short)]
    assert (min(prices) if prices else None) == (None if found is None else sum(each.cost for each in found))
    if found is not None:
        check_none_is_superfluous(found, short)


@given(candidates=crowds(9, 24), short=SHORT)
@settings(max_examples=100, deadline=None)
def test_of_many_candidates_none_is_evicted_without_need(
    candidates: list[EvictionCandidate], short: Mapping[str, int]
) -> None:
    """Where the search ends before it has seen all sets, it is still enough, still minimal, and found whenever there is one."""
    found = cheapest_eviction(candidates, short)
    assert enough(candidates, short) == (found is not None)
    if found is not None:
        check_none_is_superfluous(found, short)


@given(candidates=crowds(0, 24), short=SHORT)
@settings(max_examples=100, deadline=None)
def test_the_order_of_candidates_does_not_matter(candidates: list[EvictionCandidate], short: Mapping[str, int]) -> None:
    """Equal machines decide equally."""
    assert names(cheapest_eviction(candidates, short)) == names(cheapest_eviction(candidates[::-1], short))


def check_none_is_superfluous(found: Sequence[EvictionCandidate], short: Mapping[str, int]) -> None:
    """Check that the evicted models are enough, and that without any one of them they are not."""
    assert enough(found, short)
    assert [] == [each.name for each in found if enough([other for other in found if other is not each], short)]


class TestExamples:
    """By hand."""

    def test_without_a_shortage_no_model_is_evicted(self) -> None:
        """Not even one that costs nothing."""
        assert [] == names(cheapest_eviction([one("a", 0.0, 5)], {}))

    def test_two_cheap_models_are_evicted_before_an_expensive_one(self) -> None:
        """It is the cost that counts, not the number."""
        crowd = [one("expensive", 10.0, 8), one("b", 3.0, 4), one("c", 3.0, 4)]
        assert ["b", "c"] == names(cheapest_eviction(crowd, {"cuda:0": 8}))

    def test_one_is_evicted_before_two_that_cost_more(self) -> None:
        """Although each of the two is cheaper."""
        crowd = [one("large", 5.0, 8), one("b", 3.0, 4), one("c", 3.0, 4)]
        assert ["large"] == names(cheapest_eviction(crowd, {"cuda:0": 8}))

    def test_of_equal_cost_the_smaller_is_evicted(self) -> None:
        """Then by name."""
        crowd = [one("a", 1.0, 9), one("c", 1.0, 5), one("b", 1.0, 5)]
        assert ["b"] == names(cheapest_eviction(crowd, {"cuda:0": 4}))

    def test_a_model_that_holds_nothing_of_the_short_pool_stays(self) -> None:
        """Evicting it would free nothing that is needed."""
        crowd = [one("elsewhere", 0.0, 99, "cuda:1"), one("here", 9.0, 5)]
        assert ["here"] == names(cheapest_eviction(crowd, {"cuda:0": 4}))

    def test_too_few_are_none(self) -> None:
        """Rather than all in vain."""
        assert None is cheapest_eviction([one("a", 1.0, 3), one("b", 1.0, 3)], {"cuda:0": 7})
        assert None is cheapest_eviction([one("a", 1.0, 9)], {"cuda:0": 1, "cuda:1": 1})

    def test_the_worst_case_is_quick(self) -> None:
        """Forty candidates of equal cost on two pools take some milliseconds, for the search has an end."""
        crowd = [EvictionCandidate(f"m{n:02}", 1.0, {"cuda:0": 7 + n, "cuda:1": 46 - n}, 0.0) for n in range(40)]
        took = []
        for _ in range(5):
            began = process_time()
            assert cheapest_eviction(crowd, {"cuda:0": 530, "cuda:1": 530}) is not None
            took.append(process_time() - began)
        assert min(took) < 0.05


def option(variant: int, size: int, pool: str = "cuda:0") -> LoadOption:
    """Return an option that takes *size* bytes of one pool."""
    return LoadOption(variant, f"v{variant}", needs={pool: size})


class TestBestLoad:
    """The option, the evicted models and the time."""

    def test_an_option_that_fits_evicts_nothing(self) -> None:
        """And can be loaded now."""
        assert LoadPlan(option(0, 4), (), 0.0, 7.0) == best_load([option(0, 4)], {"cuda:0": 4}, [one("a", 1.0, 9)], 7.0)

    def test_a_better_variant_is_worth_half_a_minute_of_reloads(self) -> None:
        """Beyond that, the worse one is loaded beside the others."""
        options, free = [option(0, 8), option(1, 4)], {"cuda:0": 4}
        for cost, variant in ((STEP_DOWN - 1, 0), (STEP_DOWN + 1, 1)):
            plan = best_load(options, free, [one("a", cost, 8)], 0.0)
            assert plan
            assert variant == plan.option.variant

    def test_what_may_be_evicted_now_comes_before_what_is_cheaper_later(self) -> None:
        """The busy model is cheaper, and waited for only where there is no other."""
        busy = EvictionCandidate("busy", 0.1, {"cuda:0": 8}, 5.0)
        now = best_load([option(0, 8)], {"cuda:0": 0}, [busy, one("idle", 9.0, 8)], 0.0)
        later = best_load([option(0, 8)], {"cuda:0": 0}, [busy], 0.0)
        assert now
        assert later
        assert (("idle", 0.0), ("busy", 5.0)) == ((now.evict[0].name, now.at), (later.evict[0].name, later.at))

    def test_a_model_that_only_an_event_frees_is_waited_for_without_a_time(self) -> None:
        """The end of its load is not known."""
        plan = best_load([option(0, 8)], {"cuda:0": 0}, [EvictionCandidate("a", 1.0, {"cuda:0": 8}, None)], 0.0)
        assert plan
        assert inf == plan.at

    def test_too_little_is_no_plan(self) -> None:
        """Even with every candidate evicted."""
        assert None is best_load([option(0, 8)], {"cuda:0": 0}, [one("a", 1.0, 7)], 0.0)
        assert None is best_load([], {"cuda:0": 9}, [], 0.0)


@pytest.mark.parametrize(
    ("rate", "priority", "declared", "cost"),
    [
        (0.0, 50, False, 0.1),
        (0.0, 50, True, 0.2),
        (9.0, 50, False, 10.0),
        (9.0, 100, False, 15.0),
        (9.0, 0, True, 10.0),
    ],
)
def test_an_eviction_costs_its_reload_times_its_probability(
    rate: float, priority: int, declared: bool, cost: float
) -> None:
    """At least one per cent of ten seconds; weighed by the owner's word."""
    assert pytest.approx(cost, rel=0.001) == reload_cost(10.0, rate, priority, declared=declared)


def test_probability_of_a_request() -> None:
    """A Poisson process: one a minute comes within a minute with 63 %."""
    assert isclose(0.632, probability(1 / 60, 60.0), abs_tol=0.001)
    assert 0.0 == probability(0.0, 60.0)
    assert 1.0 == probability(10.0, 60.0)


def test_steps_down_count_the_better_variants() -> None:
    """Not the other placements of the same one, and not those that have failed."""
    options = [option(0, 9), option(0, 9, "cuda:1"), option(2, 6), option(3, 5)]
    assert [0, 0, 1, 2] == [steps_down(options, each) for each in options]
