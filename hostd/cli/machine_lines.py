"""What the machine itself came to, in a few sentences."""

from collections.abc import Iterator, Mapping
from typing import Any


def machine_lines(machine: Mapping[str, Any] | None, compared: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield sentences about *machine*, as a route of costs tells of it; none where nothing is known."""
    if machine is None:
        return
    yield f"The machine answered for {machine['busy_hours']:.1f} hours in {_days(machine['days'])}{_energy(machine)}."
    if compared is not None and machine["elsewhere_usd"] is not None:
        yield f"At {compared['model']}, its own answers would have cost {machine['elsewhere_usd']:.2f} USD{_saved(machine)}."


def _days(count: float) -> str:
    return "a day" if count == 1 else f"{count:.1f} days"


def _energy(machine: Mapping[str, Any]) -> str:
    if machine["energy_kwh"] is None:
        return ""
    how = "measured at its cards" if machine["energy_measured"] else "estimated from its watts"
    usd = "" if machine["energy_usd"] is None else f", {machine['energy_usd']:.2f} USD"
    return f", for {machine['energy_kwh']:.2f} kWh ({how}{usd})"


def _saved(machine: Mapping[str, Any]) -> str:
    saved, days = machine["saved_usd_a_day"], machine["breaks_even_in_days"]
    if machine["price_usd"] is None:
        return f": it saves {saved:.2f} USD a day"
    if days is None:
        return f": less than its energy, so that {machine['price_usd']:g} USD are never paid for"
    return f": it saves {saved:.2f} USD a day, and has paid for itself after {days:.0f} days like these"
