"""All bodies together have a bound."""

import pytest

from hostd.domain.errors import CapacityError
from hostd.gateway.http.body_budget import BodyBudget


def test_refuses_what_is_too_much() -> None:
    """429 with a time to come back, and nothing of it is counted."""
    budget = BodyBudget(10, limit=25)
    budget.take(20)
    with pytest.raises(CapacityError) as caught:
        budget.take(6)
    assert (429, "too_many_bodies", 20) == (caught.value.status, caught.value.code, budget.held)
    assert 1 <= (caught.value.retry_after or 0) <= 60


def test_what_is_over_makes_room() -> None:
    """To the last byte."""
    budget = BodyBudget(10, limit=25)
    budget.take(25)
    budget.give(25)
    budget.take(25)
    assert 25 == budget.held


@pytest.mark.parametrize("largest", [1, 32 << 20, 1 << 30])
def test_has_room_for_some_of_the_largest(largest: int) -> None:
    """Whatever the owner allows for one."""
    assert BodyBudget(largest).limit >= 8 * largest


def test_tells_what_is_held_no_more() -> None:
    """So that its memory can be given back."""
    told: list[int] = []
    budget = BodyBudget(10, freed=told.append)
    budget.take(7)
    budget.give(3)
    budget.give(4)
    assert [3, 4] == told
