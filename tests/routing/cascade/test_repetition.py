"""Answers that go round in a circle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.routing.cascade import repetition
from hostd.routing.cascade.said import Said
from tests.routing.cascade.answers import PROSE, said


@pytest.mark.parametrize(
    "answer",
    [
        said("So it goes. " * 40),
        said(PROSE + " and then he said again" * 30),
        said(PROSE + ("A whole paragraph that is said again. " * 3 + "It has three times the same sentence.\n") * 12),
        said("Fine.", reasoning="Wait, let me think. " * 60),
    ],
)
def test_a_circle(answer: Said) -> None:
    """At the end of the answer, or of the thought before it."""
    assert repetition.failure({}, answer)


@pytest.mark.parametrize(
    "answer",
    [
        said(PROSE),
        said("Result:\n" + "-" * 500 + "\nFour."),
        said("-" * 500),
        said("ha " * 20),
        said("| a | b |\n" + "".join(f"| {n} | {n * n} |\n" for n in range(200))),
        said(PROSE + "\n".join(f"Step {n}: do the thing once more and then look at it." for n in range(90))),
    ],
)
def test_no_circle(answer: Said) -> None:
    """Tables, rules and lists say something new in each line."""
    assert repetition.failure({}, answer) is None


@given(st.text("abc", min_size=1, max_size=40), st.integers(6, 60), st.text("xyz", max_size=200))
def test_the_period_is_found(piece: str, times: int, before: str) -> None:
    """Whatever comes before it, where it fills enough of the end."""
    found = repetition.period_at_end(before + piece * times)
    if len(piece) * times >= 480:
        assert found is not None
        assert found <= len(piece)
    if len(before) + len(piece) * times < 240:
        assert found is None
