"""Wishes about thinking, and what a model can be told of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.thinking import LEVELS, ThinkingControl, ThinkingDefault, ThinkingWish, nearest

SWITCHED = ThinkingControl({"t": True}, {"t": False})
LEVELLED = ThinkingControl({}, None, {level: {"e": level} for level in ("low", "medium", "high")}, by_default=True)
BOTH = ThinkingControl({"t": True}, {"t": False}, {level: {"e": level} for level in ("low", "max")})
BUDGETED = ThinkingControl({"thinking_budget": -1}, {"thinking_budget": 0})
ALWAYS = ThinkingControl({}, None, by_default=True)
UNSURE = ThinkingControl({}, None, marks=True)
NEVER = ThinkingControl(by_default=False)
OFF, ON = ThinkingWish(think=False), ThinkingWish(think=True)


@pytest.mark.parametrize(
    ("control", "wish", "variables", "note"),
    [
        (SWITCHED, OFF, {"t": False}, ""),
        (SWITCHED, ON, {"t": True}, ""),
        (SWITCHED, ThinkingWish.of_effort("low"), {"t": True}, ""),
        (SWITCHED, ThinkingWish.of_effort("none"), {"t": False}, ""),
        (SWITCHED, ThinkingWish(), {}, ""),
        (LEVELLED, OFF, {"e": "low"}, "low"),
        (LEVELLED, ON, {}, ""),
        (LEVELLED, ThinkingWish.of_effort("minimal"), {"e": "low"}, "low"),
        (LEVELLED, ThinkingWish.of_effort("high"), {"e": "high"}, ""),
        (LEVELLED, ThinkingWish(effort="max"), {"e": "high"}, "high"),
        (BOTH, ThinkingWish.of_effort("high"), {"t": True, "e": "max"}, "max"),
        (BOTH, OFF, {"t": False}, ""),
        (BUDGETED, ThinkingWish(think=True, budget=9), {"thinking_budget": 9}, ""),
        (SWITCHED, ThinkingWish(think=True, budget=9), {"t": True}, ""),
        (ALWAYS, OFF, {}, "on"),
        (ALWAYS, ON, {}, ""),
        (UNSURE, OFF, {}, ""),
        (NEVER, OFF, {}, ""),
        (NEVER, ON, {}, "off"),
        (NEVER, ThinkingWish(effort="high"), {}, "off"),
    ],
)
def test_the_nearest_that_a_model_can_be_told(
    control: ThinkingControl, wish: ThinkingWish, variables: dict[str, object], note: str
) -> None:
    """What it can be told is said, and what it is asked for instead is noted."""
    words = control.words(wish)
    assert (variables, note) == (dict(words.variables), words.note)


def test_capabilities() -> None:
    """A model thinks always, at will or never, or does not let it be seen."""
    can = [each.capability for each in (SWITCHED, LEVELLED, BOTH, ALWAYS, UNSURE, NEVER)]
    assert ["optional", "true", "optional", "true", None, "false"] == can


@given(st.sampled_from(LEVELS), st.sets(st.sampled_from(LEVELS), min_size=1))
def test_the_nearest_level(effort: str, known: set[str]) -> None:
    """Is one of those that are known, and none of them is nearer."""
    found = nearest(effort, tuple(known))
    assert found in known
    away = abs(LEVELS.index(str(found)) - LEVELS.index(effort))
    assert all(abs(LEVELS.index(level) - LEVELS.index(effort)) >= away for level in known)


def test_odd_levels() -> None:
    """Of two as near it is the higher; a word that no API knows is taken for the usual effort; among none there is none."""
    assert ("high", "xhigh", "low", None) == (
        nearest("medium", ("low", "high")),
        nearest("high", ("medium", "xhigh")),
        nearest("somewhat", ("low", "max")),
        nearest("low", ()),
    )


def test_defaults() -> None:
    """They decide where a wish does not say whether to think, and where a model is left to itself they wish nothing."""
    assert (OFF, ON, None) == tuple(each.wish for each in ThinkingDefault)
    assert (ON, OFF) == (ON.over(OFF), ThinkingWish().over(OFF))
    assert ThinkingWish(think=True, effort="low") == ThinkingWish(effort="low").over(ON)
    assert ThinkingWish(effort="low") == ThinkingWish(effort="low").over(None)
