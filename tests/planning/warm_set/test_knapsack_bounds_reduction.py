"""What a packing question can do without."""

from hostd.planning.warm_set.knapsack_bounds import canonical, tight_pools, useful


def test_a_pool_that_takes_everything_is_slack() -> None:
    """The largest alternatives of all items fit into the second pool together, but not into the first."""
    items = [[(1, (6, 1)), (1, (2, 3))], [(1, (5, 2))]]
    assert [0] == tight_pools(items, (10, 5))


def test_an_alternative_must_be_better_in_something() -> None:
    """Not worth more and no smaller: gone; larger than the room: gone; the first of equals stays."""
    item = [(5, (4, 9)), (7, (6, 9)), (5, (4, 9)), (6, (6, 9)), (9, (11, 9)), (4, (3, 9))]
    assert [(1, 7, (6,)), (0, 5, (4,)), (5, 4, (3,))] == useful(item, [0], (10,))


def test_equal_cards_may_be_exchanged() -> None:
    """Rooms count as one if every alternative can be had on either card."""
    mirrored = [[(0, 1, (4, 0, 1)), (1, 1, (0, 4, 1))], [(0, 2, (3, 3, 0))]]
    same = canonical(mirrored, (10, 10, 10))
    assert same((1, 2, 3)) == same((2, 1, 3)) != same((3, 2, 1))


def test_all_pools_alike() -> None:
    """Any order of the rooms is the same."""
    same = canonical([[(0, 1, (4, 0)), (1, 1, (0, 4))]], (10, 10))
    assert same((1, 2)) == same((2, 1))


def test_what_differs_is_not_exchanged() -> None:
    """Neither where the rooms differ, nor where an alternative has no mirror image."""
    assert (1, 2) == canonical([[(0, 1, (4, 0)), (1, 1, (0, 4))]], (10, 11))((1, 2))
    assert (1, 2) == canonical([[(0, 1, (4, 0))]], (10, 10))((1, 2))
