"""A prompt is like a rule's examples where it is near one of them, and clearly nearer than those of other rules."""

from datetime import UTC, datetime

import pytest

from hostd.domain.profile import Role
from hostd.domain.routing_rules import Condition, RouteRule
from hostd.routing.features import Features
from hostd.routing.likeness import MARGIN, NEAR, examples_of, is_like
from hostd.routing.rules import holds

_FAR = NEAR - 0.01


@pytest.mark.parametrize(
    ("likeness", "held"),
    [
        ({"a": NEAR, "b": 0.0, "c": 0.1}, True),
        ({"a": -0.2, "b": NEAR, "c": 0.1}, True),
        ({"a": _FAR, "b": _FAR, "c": 0.0}, False),
        ({"a": 0.5, "b": 0.0, "c": 0.5 - MARGIN / 2}, False),
        ({"a": 0.5, "b": 0.49, "c": 0.5 - 2 * MARGIN}, True),
        ({"c": 0.9}, False),
        ({}, False),
    ],
)
def test_it_is_decided_by_the_nearest_example(likeness: dict[str, float], held: bool) -> None:
    """Or not at all: two examples of one rule do not contend, those of two rules do, and what is not known is like nothing."""
    assert is_like(("a", "b"), likeness) is held
    features = Features("said", 9, datetime(2026, 11, 30, tzinfo=UTC), likeness=likeness)
    assert (holds(Condition(like=("a", "b")), features) == "like") is held


def test_examples_are_of_all_rules_once() -> None:
    """So that each is compared once, in the order of the file."""
    rules = (
        RouteRule(("x",), Condition(like=("a", "b"))),
        RouteRule(("y",)),
        RouteRule(("x",), Condition(like=("b", "c"))),
    )
    assert ("a", "b", "c") == examples_of(Role("auto", ("x", "y"), route=rules))
    assert () == examples_of(Role("auto", ("x", "y")))
