"""How much more value fits."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from hostd.planning.warm_set.knapsack_bounds import Alternatives, Frontier, Needs, frontiers

ITEMS = st.lists(
    st.lists(st.tuples(st.integers(1, 50), st.tuples(st.integers(0, 12), st.integers(0, 12))), max_size=3), max_size=5
)
ROOMS = st.tuples(st.integers(0, 20), st.integers(0, 20))


def best(items: list[Alternatives], fits: Frontier | None, free: Needs) -> int:
    """Return the best value of all packings: into the pools, or into the one that a frontier makes of them."""
    most = 0
    for picks in product(*([(0, (0, 0)), *item] for item in items)):
        used = tuple(sum(needs[pool] for _, needs in picks) for pool in range(2))
        room = fits.weigh(used) <= fits.weigh(free) if fits else all(a <= b for a, b in zip(used, free, strict=True))
        most = max(most, sum(value for value, _ in picks) if room else 0)
    return most


@settings(deadline=None)
@given(ITEMS, ROOMS, st.tuples(st.integers(0, 3), st.integers(0, 3)))
def test_one_pool_is_answered_exactly(items: list[Alternatives], free: Needs, weights: Needs) -> None:
    """The most value is that of the best packing into the weighed pool, from every item on and for every smaller room."""
    found = Frontier(items, free, weights)
    for at in range(len(items) + 1):
        for smaller in ((0, 0), (free[0] // 2, free[1]), free):
            assert best(items[at:], found, smaller) == found.value(at, smaller)


@settings(deadline=None)
@given(ITEMS, ROOMS)
def test_a_thinned_frontier_is_never_too_low(items: list[Alternatives], free: Needs) -> None:
    """Points that stand for several promise too much at worst."""
    exact, thin = Frontier(items, free, (1, 1)), Frontier(items, free, (1, 1), most_points=3)
    assert all(thin.value(at, free) >= exact.value(at, free) for at in range(len(items) + 1))
    assert all(len(sizes) <= 4 for sizes, _ in thin.steps)


@settings(deadline=None)
@given(ITEMS, ROOMS)
def test_every_frontier_is_a_bound(items: list[Alternatives], free: Needs) -> None:
    """None is below the best packing, and the tightest comes first."""
    found = frontiers(items, free)
    assert found
    assert best(items, None, free) <= found[0].most
    assert [each.most for each in found] == sorted(each.most for each in found)


def test_walls_between_pools_are_seen_where_they_matter() -> None:
    """What all need of one pool bounds them, though there is room in the other."""
    items = [[(1, (6, 0))], [(1, (6, 0))], [(1, (6, 0))]]
    assert 1 == frontiers(items, (10, 10))[0].most
