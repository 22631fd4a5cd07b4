"""Patterns are tried around their anchors, and nowhere else."""

import re

from hostd.domain.private_data import DataKind
from hostd.privacy.pattern import Anchor, DataPattern, Detected, compact, digits_of


def test_windows_that_touch_are_one() -> None:
    """Each part of a text is looked at once, however many anchors it has."""
    anchor = Anchor(2, 3, literals=("@", "%40"))
    text = "ab@@cd" + " " * 20 + "%40"
    assert anchor.windows(text, text) == [(0, 7), (24, len(text))]
    assert Anchor(1, 1, re.compile("[0-9]+")).windows("a12b", "a12b") == [(0, 4)]
    assert anchor.windows("nothing", "nothing") == []


def test_a_match_counts_if_its_check_and_its_context_say_so() -> None:
    """The data is the group `value` where there is one."""
    pattern = DataPattern(
        DataKind.OTHER,
        Anchor(0, 9, literals=("n=",)),
        re.compile(r"n=(?P<value>[0-9]+)"),
        lambda text: text != "13",
        re.compile("with"),
    )
    for text, found in (("with n=12", [Detected(7, 9, DataKind.OTHER)]), ("with n=13", []), ("n=12", [])):
        assert [
            each for low, high in pattern.anchor.windows(text, text) for each in pattern.find(text, low, high)
        ] == found


def test_separators_are_left_out() -> None:
    """Check digits are made of digits, or of letters and digits."""
    assert digits_of("+49 (0) 1-2") == "49012"
    assert compact("de89 3704-x") == "DE893704X"
