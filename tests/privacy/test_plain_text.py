"""Text is read as people see it, and what is found in it stands where it was written."""

import pytest

from hostd.privacy.plain_text import plain


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("plain text", "plain text"),
        ("Grüße, naïve 日本語 и", "Grüße, naïve 日本語 и"),
        ("\uff21\uff11\uff20", "A1@"),
        ("a\u200bb\u00adc\ufeff", "abc"),
        ("1\u20112\u20133", "1-2-3"),
        ("\u0661\u0662", "12"),
        ("\U0001d41a\U0001d7cf", "a1"),
    ],
)
def test_other_forms_are_the_plain_ones(written: str, shown: str) -> None:
    """Full width, mathematical letters, digits of other scripts, dashes, and what has no width."""
    assert plain(written).text == shown


def test_a_part_of_the_plain_text_is_found_in_the_written_one() -> None:
    """What is within it has no width belongs to it; what is around it does not."""
    written = "x\u200b \uff21\u200bb y"
    text = plain(written)
    start = text.text.index("Ab")
    first, last = text.span(start, start + 2)
    assert written[first:last] == "\uff21\u200bb"
    assert plain("abc").span(1, 2) == (1, 2)
