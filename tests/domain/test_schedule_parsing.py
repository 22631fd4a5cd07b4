"""Days and hours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.schedule import format_clock, format_days, parse_clock, parse_days, split_window


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("mon-fri", (0, 1, 2, 3, 4)),
        ("sat,sun", (5, 6)),
        ("Mon, wed-thu", (0, 2, 3)),
        ("fri-mon", (0, 4, 5, 6)),
        ("daily", (0, 1, 2, 3, 4, 5, 6)),
        ("weekdays", (0, 1, 2, 3, 4)),
        ("weekends", (5, 6)),
        ("sun", (6,)),
    ],
)
def test_days_are_understood(text: str, days: tuple[int, ...]) -> None:
    """Single days, spans (past Sunday too), lists and the usual groups."""
    assert days == parse_days(text)


@pytest.mark.parametrize("text", ["", "monday-", "mon-", "-fri", "mon fri", "mon-fry", "1-5", "mon,"])
def test_other_text_names_no_days(text: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(ValueError, match="names no days; write such as mon-fri"):
        parse_days(text)


@given(st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))))
def test_days_come_back(days: tuple[int, ...]) -> None:
    """What is shown can be written into a file again."""
    assert days == parse_days(format_days(days))


@given(st.integers(0, 1440))
def test_clocks_come_back(minutes: int) -> None:
    """Every minute of a day has its text."""
    assert minutes == parse_clock(format_clock(minutes))


@pytest.mark.parametrize("text", ["24:01", "8", "8:5", "08:60", "8h", "-1:00", "99:00"])
def test_other_text_is_no_time(text: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(ValueError, match="is no time of day"):
        parse_clock(text)


@pytest.mark.parametrize("text", ["mon-fri 08:30-18:00", "mon-fri 08:30\u201318:00", "  mon-fri  08:30 - 18:00 "])
def test_a_window_may_be_one_text(text: str) -> None:
    """Days, a space, two times and a dash between them, as people write it."""
    assert ("mon-fri", "08:30", "18:00") == split_window(text)


@pytest.mark.parametrize("text", ["", "mon-fri", "08:30-18:00", "mon-fri 08:30", "mon 8-18", "mon 08:30-18:00 Uhr"])
def test_other_text_is_no_window(text: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(ValueError, match="is no window of the week; write such as 'mon-fri 08:30-18:00'"):
        split_window(text)
