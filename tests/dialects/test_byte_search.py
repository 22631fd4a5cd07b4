"""A search for bytes finds what Python's own finds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.dialects import byte_search
from hostd.dialects.byte_search import contains, words_in

WORDS = (b'"image_url"', b'url"')


@pytest.mark.parametrize("length", [0, 100, 2048, 70_000, 300_000])
@pytest.mark.parametrize("filling", [b"x", b"\0", b'"image_ur', b"\xff\x00"])
@pytest.mark.parametrize("library", ["as it is", "no wmemchr", "no strstr", "none"])
@pytest.mark.parametrize("word", WORDS)
def test_finds_a_word_anywhere(
    length: int, filling: bytes, library: str, word: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At both ends and in the middle, beside bytes that end texts of C, and not where a part of it is missing."""
    for name in ("_alone", "_beside_others") if library != "as it is" else ():
        known = getattr(byte_search, name)
        less = type(known)() if library == "none" else known._replace(wmemchr=None)
        if library == "no strstr":
            less = less._replace(strstr=None)
        monkeypatch.setattr(byte_search, name, less)
    text = (filling * (length // len(filling) + 1))[:length]
    half = length // 2
    assert not contains(text, word)
    assert not contains(text + word[:-1], word)
    for found in (word + text, text[:half] + word + text[half:], text + word):
        assert contains(found, word)


@given(st.binary(max_size=60), st.binary(min_size=1, max_size=5), st.integers(0, 60))
def test_agrees_with_pythons_own(some: bytes, word: bytes, at: int) -> None:
    """For any bytes, in a text that is long enough for the C library, wherever the word is."""
    text = some + b"a" * 3000
    assert contains(text, word) == (word in text)
    assert contains(text[:at] + word + text[at:], word)
    assert contains(text + word, word)


@given(st.binary(max_size=60), st.tuples(*[st.binary(min_size=4, max_size=4)] * 2), st.integers(0, 60))
def test_words_that_are_looked_for_together_are_told_apart(some: bytes, words: tuple[bytes, ...], at: int) -> None:
    """Whichever of them is there, wherever, and in a text of any length."""
    for text in (some, some + b"a" * 3000):
        assert words_in(text, words) == tuple(word in text for word in words)
        found = text[:at] + words[0] + text[at:]
        assert words_in(found, words) == tuple(word in found for word in words)
