"""Days and hours as text; that a profile may hold it is tested where profiles are read."""

import pytest

from hostd.domain.schedule import format_clock, format_days


@pytest.mark.parametrize(
    ("days", "text"),
    [
        ((0, 1, 2, 3, 4), "mon-fri"),
        ((5, 6), "sat,sun"),
        ((0, 4, 5, 6), "mon,fri-sun"),
        ((0, 2, 4), "mon,wed,fri"),
        ((0, 1, 2, 3, 4, 5, 6), "mon-sun"),
        ((6,), "sun"),
    ],
)
def test_days_are_written_as_owners_do(days: tuple[int, ...], text: str) -> None:
    """Three or more in a row are a span."""
    assert text == format_days(days)


@pytest.mark.parametrize(("minutes", "text"), [(0, "00:00"), (510, "08:30"), (1440, "24:00")])
def test_a_clock_has_four_digits(minutes: int, text: str) -> None:
    """The end of a day is its twenty-fourth hour."""
    assert text == format_clock(minutes)
