"""What the query of an owner's request says."""

import pytest

from hostd.domain.errors import RequestError
from hostd.gateway.query_values import count, flag


@pytest.mark.parametrize(("said", "expected"), [("1", True), ("0", False), ("true", True), ("false", False)])
def test_a_flag_is_one_or_zero(said: str, *, expected: bool) -> None:
    """Or a word for it."""
    assert expected is flag({"wait": said}, "wait", default=not expected)


def test_what_is_not_said_is_the_default() -> None:
    """Of either kind."""
    assert (True, 7) == (flag({}, "wait", default=True), count({}, "last", 7))


@pytest.mark.parametrize("said", ["AAA", "", "yes", "2", "True", "1 "])
def test_a_flag_that_makes_no_sense_is_refused(said: str) -> None:
    """A reload that should only have compared must not be done because of a slip."""
    with pytest.raises(RequestError, match="dry_run") as refused:
        flag({"dry_run": said}, "dry_run")
    assert "dry_run" == refused.value.param


def test_a_count_is_digits() -> None:
    """Or all, where that is a number."""
    assert (20, 5000) == (count({"lines": "20"}, "lines", 1), count({"lines": "all"}, "lines", 1, all_of=5000))


@pytest.mark.parametrize("said", ["-1", "1.5", "²", "1" * 10, "all", "", "0x10"])
def test_a_count_that_makes_no_sense_is_refused(said: str) -> None:
    """It is named, and never read as another number."""
    with pytest.raises(RequestError, match="last="):
        count({"last": said}, "last", 1)
