"""Bounded reading."""

import pytest

from hostd.planning.formats.gguf_cursor import Cursor, GgufError, TruncatedHeader
from tests.planning.stub import strings


def test_reading_beyond_the_end_says_how_much_is_needed() -> None:
    """A value that is not there yet asks for the bytes up to its end."""
    cursor = Cursor(b"12345678")
    cursor.u32("a")
    with pytest.raises(TruncatedHeader) as short:
        cursor.u64("b")
    assert short.value.need == 12


def test_strings_that_are_not_there_yet_ask_for_their_lengths_at_least() -> None:
    """Of strings that are cut off, each that is missing counts eight bytes for its length."""
    packed = strings([b"ab"] * 5).packed
    with pytest.raises(TruncatedHeader) as short:
        Cursor(packed[:25]).skip_strings(5, "words")
    assert short.value.need == 20 + 3 * 8


def test_a_last_string_that_is_cut_off_is_missed() -> None:
    """A vocabulary whose last word ends beyond the bytes is not whole."""
    packed = strings([b"ab"] * 5).packed
    with pytest.raises(TruncatedHeader) as short:
        Cursor(packed[:-1]).skip_strings(5, "words")
    assert len(packed) == short.value.need


def test_text_that_is_no_text_is_read_all_the_same() -> None:
    """Bytes that are no UTF-8 do not stop anybody from reading a header."""
    assert "�x" == Cursor(strings([b"\xffx"]).packed).text("name")


def test_text_beyond_its_limit_is_refused() -> None:
    """A name longer than names are is a lie, even if it is there."""
    with pytest.raises(GgufError, match="at most 3 make sense"):
        Cursor(strings([b"long"]).packed).text("name", 3)
