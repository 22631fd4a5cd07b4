"""The machine in a few sentences."""

from typing import Any

import pytest

from hostd.cli.machine_lines import machine_lines

MACHINE: dict[str, Any] = {
    "price_usd": 2500.0,
    "days": 7.0,
    "busy_hours": 14.0,
    "answers": 100,
    "energy_kwh": 7.0,
    "energy_measured": True,
    "energy_measured_hours": 160.0,
    "energy_usd": 2.1,
    "elsewhere_usd": 30.0,
    "saved_usd_a_day": 3.99,
    "breaks_even_in_days": 627.0,
}
GPT = {"model": "gpt-5"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "for 7.00 kWh (measured at its cards, 2.10 USD)."),
        ({}, "it saves 3.99 USD a day, and has paid for itself after 627 days like these."),
        ({"energy_measured": False, "energy_usd": None}, "for 7.00 kWh (estimated from its watts)."),
        ({"energy_kwh": None}, "The machine answered for 14.0 hours in 7.0 days."),
        ({"days": 1.0}, "14.0 hours in a day,"),
        ({"price_usd": None, "breaks_even_in_days": None}, "30.00 USD: it saves 3.99 USD a day."),
        ({"saved_usd_a_day": -1.0, "breaks_even_in_days": None}, "so that 2500 USD are never paid for."),
    ],
)
def test_sentences(changes: dict[str, Any], told: str) -> None:
    """With what is known."""
    assert told in " ".join(machine_lines(MACHINE | changes, GPT))


def test_what_is_not_known_is_not_told() -> None:
    """Without a price to compare with there is no saving, and without a record nothing."""
    assert len(list(machine_lines(MACHINE, None))) == 1
    assert list(machine_lines(None, GPT)) == []
