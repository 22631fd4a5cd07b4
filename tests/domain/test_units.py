"""Durations and sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.domain.units import format_bytes, format_duration, format_size, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("500ms", 0.5), ("30s", 30), ("1.5m", 90), ("2h", 7200), ("1d", 86400), ("1h30m", 5400), (" 5m ", 300)],
)
def test_durations(text: str, seconds: float) -> None:
    """Numbers with units, and sums of them."""
    assert seconds == parse_duration(text)


@pytest.mark.parametrize("text", ["", "30", "s", "30 s", "-1s", "1h30", "30sec", "1e3s", "1h, 30m"])
def test_no_durations(text: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(ValueError, match="is not a duration; write a number and a unit"):
        parse_duration(text)


@given(st.integers(0, 10**8))
def test_whole_seconds_come_back(seconds: int) -> None:
    """What is shown can be written into a file again."""
    assert seconds == parse_duration(format_duration(seconds))


@given(st.integers(0, 999))
def test_milliseconds_come_back(milliseconds: int) -> None:
    """Below a second too."""
    assert milliseconds / 1000 == pytest.approx(parse_duration(format_duration(milliseconds / 1000)))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.25, "250ms"), (30, "30s"), (5400, "1h30m"), (90061, "1d1h1m1s")]
)
def test_durations_are_short(seconds: float, text: str) -> None:
    """The largest units that fit, and no empty ones."""
    assert text == format_duration(seconds)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0B", 0),
        ("512MiB", 512 << 20),
        ("24GiB", 24 << 30),
        ("1.5GB", 1_500_000_000),
        ("1 KiB", 1024),
        ("2TB", 2 * 10**12),
    ],
)
def test_sizes(text: str, count: int) -> None:
    """Binary units are powers of 1024, decimal ones of 1000."""
    assert count == parse_size(text)


@pytest.mark.parametrize("text", ["", "24", "24G", "24gib", "-1B", "1PiB", "GiB"])
def test_no_sizes(text: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(ValueError, match="is not a size; write a number and a unit"):
        parse_size(text)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (655_360, "640 KiB"), (1536, "1.5 KiB"), (20 << 40, "20.0 TiB")]
)
def test_bytes_are_readable(count: int, text: str) -> None:
    """Three figures and a unit."""
    assert text == format_bytes(count)


@given(st.integers(0, 2**50))
def test_sizes_come_back(count: int) -> None:
    """What is shown of a size can be written into a file again."""
    assert count == parse_size(format_size(count))


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0B"), (7, "7B"), (2**30, "1GiB"), (3 * 2**29, "1536MiB"), (2**42, "4TiB"), (3072, "3KiB")]
)
def test_sizes_are_short(count: int, text: str) -> None:
    """The largest unit that leaves no rest."""
    assert text == format_size(count)
