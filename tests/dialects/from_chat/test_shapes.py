"""A member of the wrong shape is the client's mistake, named."""

from collections.abc import Callable
from typing import Any

import pytest

from hostd.dialects.from_chat import shapes
from hostd.domain.errors import RequestError


@pytest.mark.parametrize(
    ("read", "good", "empty", "wrong"),
    [
        (shapes.optional_text, "a", "", 1),
        (shapes.optional_object, {"a": 1}, {}, []),
        (shapes.objects, [{"a": 1}], [], [1]),
        (shapes.objects, [], [], {"a": 1}),
    ],
)
def test_reads_or_refuses(read: Callable[[Any, str], Any], good: Any, empty: Any, wrong: Any) -> None:
    """Nothing is empty, and what has another shape is refused by its name."""
    assert (good, empty) == (read(good, "x.y"), read(None, "x.y"))
    with pytest.raises(RequestError, match=r"'x\.y' must be") as refused:
        read(wrong, "x.y")
    assert (400, "x.y") == (refused.value.status, refused.value.param)


@pytest.mark.parametrize(("value", "number"), [(3, 3), (3.0, 3), (3.5, None), (True, None), ("3", None)])
def test_whole_numbers(value: object, number: int | None) -> None:
    """JavaScript may write them with a point."""
    assert number == shapes.whole_number(value)


@pytest.mark.parametrize(
    ("value", "number"),
    [(1, 1.0), (-0.5, -0.5), (True, None), ("1", None), (float("nan"), None), (10**400, None)],
    ids=["whole", "fraction", "flag", "text", "none", "too large"],
)
def test_finite_numbers(value: object, number: float | None) -> None:
    """JSON has whole numbers that no float can hold."""
    assert number == shapes.finite_number(value)
