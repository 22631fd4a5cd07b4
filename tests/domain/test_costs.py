"""What requests came to."""

import pytest

from hostd.domain.costs import CostSums, FallbackUse, RoutedCount, added_up, by_fallbacks, total
from hostd.domain.profile import Price

HERE = CostSums(3, 2, 2, 1000, 100)
AWAY = CostSums(2, 2, 0, 3000, 400, 0.25, 0, 1)


def test_parts_of_one_name_are_added_up() -> None:
    """Those without a name are a group, too, and the last one; the total is over all."""
    costs = added_up([(None, HERE), ("b", AWAY), ("a", HERE), ("b", HERE)])
    assert ["a", "b", None] == list(costs)
    assert CostSums(5, 4, 2, 4000, 500, 0.25, 0, 1) == costs["b"]
    assert CostSums(11, 8, 6, 6000, 700, 0.25, 0, 1) == total(costs)
    assert CostSums() == total(added_up([]))


def test_the_share_is_one_of_answers() -> None:
    """What was refused was answered by nobody."""
    assert (1.0, 0.0, 0.5) == (HERE.local_share, AWAY.local_share, HERE.plus(AWAY).local_share)
    assert CostSums(requests=3).local_share is None


def test_the_same_tokens_at_another_price() -> None:
    """In USD per million; not known where no tokens are."""
    assert pytest.approx(0.002 + 0.0008) == HERE.at(Price(2.0, 8.0))
    assert 0.0 == HERE.at(Price())
    assert CostSums(requests=3).at(Price(2.0, 8.0)) is None
    assert pytest.approx(0.0008) == CostSums(output_tokens=100).at(Price(2.0, 8.0))


def test_roles_stand_in_the_order_of_their_fallbacks() -> None:
    """By share, not by number; a role and reason may be counted in parts."""
    counts = [
        ("busy", None, 90),
        ("busy", "x", 9),
        ("frail", "x", 1),
        ("frail", "y", 2),
        ("frail", None, 1),
        ("busy", "x", 1),
    ]
    assert [
        FallbackUse("frail", 4, 3, {"y": 2, "x": 1}),
        FallbackUse("busy", 100, 10, {"x": 10}),
    ] == by_fallbacks(map(RoutedCount._make, counts))
