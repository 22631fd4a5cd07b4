"""How times and amounts are said."""

from datetime import UTC, datetime

import pytest

from hostd.cli.phrases import listed, memory, money, percent, prefill, relative

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("when", "said"),
    [
        (None, "-"),
        ("2026-11-20T12:00:00Z", "now"),
        ("2026-11-20T12:00:00.900Z", "now"),
        ("2026-11-20T12:00:01Z", "in 1 second"),
        ("2026-11-20T12:04:59Z", "in 4 minutes"),
        ("2026-11-20T14:30:00+02:00", "in 30 minutes"),
        ("2026-11-20T10:00:00Z", "2 hours ago"),
        ("2026-11-18T11:00:00Z", "2 days ago"),
    ],
)
def test_times_are_said_relative_to_now(when: str | None, said: str) -> None:
    """The largest whole unit is named, for the future and for the past."""
    assert said == relative(when, NOW)


def test_memory_names_each_pool_that_is_used() -> None:
    """Pools without bytes are left out, and no pools at all is a dash."""
    assert "18.6 GiB cuda:0, 512 MiB ram" == memory({"cuda:0": 19_971_597_926, "metal": 0, "ram": 512 * 1024**2})
    assert "-" == memory({})


def test_numbers_that_are_not_known_are_dashes() -> None:
    """Money has ten-thousandths, as a request costs; shares are whole."""
    assert ("0.0123", "-") == (money(0.01234), money(None))
    assert ("42%", "0%", "-") == (percent(0.419), percent(0.0), percent(None))
    assert "prefill 25%" == prefill({"read_tokens": 10, "total_tokens": 40})


def test_lists_are_phrases() -> None:
    """Words are joined by commas; none is a dash."""
    assert "a, b" == listed(["a", "b"])
    assert "-" == listed([])
