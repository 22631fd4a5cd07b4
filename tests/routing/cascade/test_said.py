"""What a check is given."""

from tests.routing.cascade.answers import said


def test_an_answer_that_reached_its_limit_is_not_complete() -> None:
    """It ended in the middle of something."""
    assert (said("x").complete, said("x", reason="length").complete) == (True, False)
    assert said("x").text == "x"
