"""Signs are the same for the same text, few, and taken from the beginning and the end of what is long."""

import pytest

from hostd.routing.prompt_signs import BUCKETS, HEAD, TAIL, signs


@pytest.mark.parametrize(
    "said", ["", "hi", "Größe? 日本 \ud800", "x" * 9999, "a " * 5000, "```\ncode\n```", "\x00\n" * 3000]
)
def test_any_text_has_signs(said: str) -> None:
    """Each once and in order, whatever the text; half of a surrogate pair is no error."""
    found = signs(said)
    assert found == sorted(set(found))
    assert all(0 <= bucket < BUCKETS for bucket in found)
    assert len(found) < 6 * (HEAD + TAIL)


def test_what_is_said_tells_more_than_how_it_is_written() -> None:
    """Case and the figures themselves do not count; forms of a word share a sign, other words share none but the shape."""
    assert signs("Translate it") == signs("TRANSLATE IT")
    assert signs("12 apples") == signs("47 apples")
    one, form, other = (set(signs(text)) for text in ("translating", "translation", "multiplications"))
    assert len(one & form) > len(one & other)


def test_the_middle_of_a_long_text_is_not_read() -> None:
    """What people want stands at the beginning or at the end."""
    middle = "y" * 5000
    assert signs("a " * HEAD + middle + "b " * TAIL) == signs("a " * HEAD + middle[::-1] + "b " * TAIL)
    assert signs("prove it " + "x" * 9000) != signs("praise it " + "x" * 9000)
