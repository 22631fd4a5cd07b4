"""Who goes: the cheapest sufficient set, and never one model more."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from time import perf_counter

from hypothesis import given, settings
from hypothesis import strategies as st

from hostd.scheduling.eviction import EvictionCandidate, cheapest_eviction

POOLS = ("cuda:0", "cuda:1")


def one(name: str, price: float, held: int, pool: str = "cuda:0") -> EvictionCandidate:
    """Return a candidate that holds so much of one pool."""
    return EvictionCandidate(name, price, {pool: held}, 0.0)


def enough(chosen: Sequence[EvictionCandidate], short: Mapping[str, int]) -> bool:
    """Whether the going of *chosen* frees what is lacking."""
    return all(sum(each.bytes.get(pool, 0) for each in chosen) >= lack for pool, lack in short.items())


def names(chosen: Sequence[EvictionCandidate] | None) -> list[str] | None:
    """Return the names of those who go."""
    return None if chosen is None else sorted(each.name for each in chosen)


@st.composite
def crowds(draw: st.DrawFn, fewest: int, most: int) -> list[EvictionCandidate]:
    """Draw candidates that hold a little of one or two pools; zero prices and equal prices occur."""
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


@given(candidates=crowds(0, 8), short=SHORT)
@settings(max_examples=300, deadline=None)
def test_nothing_cheaper_suffices(candidates: list[EvictionCandidate], short: Mapping[str, int]) -> None:
    """The price is that of the best of all subsets; there is no answer exactly when all together are too few."""
    found = cheapest_eviction(candidates, short)
    sets = [chosen for size in range(len(candidates) + 1) for chosen in combinations(candidates, size)]
    prices = [sum(each.cost for each in chosen) for chosen in sets if enough(chosen, short)]
    assert (min(prices) if prices else None) == (None if found is None else sum(each.cost for each in found))
    if found is not None:
        check_none_is_superfluous(found, short)


@given(candidates=crowds(9, 24), short=SHORT)
@settings(max_examples=100, deadline=None)
def test_of_a_crowd_none_goes_without_need(candidates: list[EvictionCandidate], short: Mapping[str, int]) -> None:
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
    """Check that what goes is enough, and that without any one of them it is not."""
    assert enough(found, short)
    assert [] == [each.name for each in found if enough([other for other in found if other is not each], short)]


class TestExamples:
    """By hand."""

    def test_without_a_shortage_nobody_goes(self) -> None:
        """Not even one that is free to lose."""
        assert [] == names(cheapest_eviction([one("a", 0.0, 5)], {}))

    def test_two_cheap_ones_go_before_a_dear_one(self) -> None:
        """It is the price that counts, not the number."""
        crowd = [one("dear", 10.0, 8), one("b", 3.0, 4), one("c", 3.0, 4)]
        assert ["b", "c"] == names(cheapest_eviction(crowd, {"cuda:0": 8}))

    def test_one_goes_before_two_that_cost_more(self) -> None:
        """Although each of the two is cheaper."""
        crowd = [one("large", 5.0, 8), one("b", 3.0, 4), one("c", 3.0, 4)]
        assert ["large"] == names(cheapest_eviction(crowd, {"cuda:0": 8}))

    def test_of_equal_price_the_smaller_goes(self) -> None:
        """Then by name."""
        crowd = [one("a", 1.0, 9), one("c", 1.0, 5), one("b", 1.0, 5)]
        assert ["b"] == names(cheapest_eviction(crowd, {"cuda:0": 4}))

    def test_who_holds_nothing_of_what_is_lacking_stays(self) -> None:
        """Its going would help nobody."""
        crowd = [one("elsewhere", 0.0, 99, "cuda:1"), one("here", 9.0, 5)]
        assert ["here"] == names(cheapest_eviction(crowd, {"cuda:0": 4}))

    def test_too_few_are_none(self) -> None:
        """Rather than all in vain."""
        assert None is cheapest_eviction([one("a", 1.0, 3), one("b", 1.0, 3)], {"cuda:0": 7})
        assert None is cheapest_eviction([one("a", 1.0, 9)], {"cuda:0": 1, "cuda:1": 1})

    def test_the_worst_case_is_quick(self) -> None:
        """Forty candidates of equal price on two pools take some milliseconds, for the search has an end."""
        crowd = [EvictionCandidate(f"m{n:02}", 1.0, {"cuda:0": 7 + n, "cuda:1": 46 - n}, 0.0) for n in range(40)]
        took = []
        for _ in range(5):
            began = perf_counter()
            assert cheapest_eviction(crowd, {"cuda:0": 530, "cuda:1": 530}) is not None
            took.append(perf_counter() - began)
        assert min(took) < 0.05
