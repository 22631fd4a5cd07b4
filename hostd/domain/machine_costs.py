"""What a machine costs and saves: its energy, what its answers would have cost elsewhere, and when it will have paid for itself.

energy = measured kWh of its cards, else watts * busy hours / 1000
saved a day = (what its answers' tokens cost at the compared model - energy * price of a kWh) / days
days until it is paid for = price / saved a day
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

_JOULES = 3_600_000.0
"""Joules of a kWh."""


@dataclass(frozen=True, slots=True)
class MachineSettings:
    """What the owner says of the machine: its *price* (USD), its *watts* at work, *usd_per_kwh*, and the model to *compare* with.

    None where it is not said.
    """

    price: float | None = None
    watts: float | None = None
    usd_per_kwh: float | None = None
    compare: str | None = None


class MachineUse(NamedTuple):
    """What a machine did within *days*: hours in which it answered, and *joules* that its cards took; None where none is measured.

    *measured_hours* are those over which the joules were measured.
    """

    days: float
    busy_hours: float
    joules: float | None = None
    measured_hours: float = 0.0


class MachineBalance(NamedTuple):
    """What a machine came to. Money is in USD; None is what is not known.

    *kwh* are measured at the cards where *measured*, else estimated from its watts while it was at work. *elsewhere* is what the
    tokens of its own answers cost at the compared model, *breaks_even* after how many days like these it has paid for itself (None
    also where it never does).
    """

    kwh: float | None
    measured: bool
    energy_usd: float | None
    elsewhere: float | None
    saved_a_day: float | None
    breaks_even: float | None


def balance(settings: MachineSettings, use: MachineUse, elsewhere: float | None) -> MachineBalance:
    """Return what *use* came to; *elsewhere* is what the same tokens would have cost, in USD."""
    kwh = None if use.joules is None else use.joules / _JOULES
    if kwh is None and settings.watts is not None:
        kwh = settings.watts * use.busy_hours / 1000
    energy = None if kwh is None or settings.usd_per_kwh is None else kwh * settings.usd_per_kwh
    saved = None if elsewhere is None else (elsewhere - (energy or 0.0)) / use.days
    pays = saved is not None and saved > 0 and settings.price is not None
    breaks_even = settings.price / saved if pays and saved and settings.price is not None else None
    return MachineBalance(kwh, use.joules is not None, energy, elsewhere, saved, breaks_even)


def covered_seconds(spans: Iterable[tuple[float, float]]) -> float:
    """Return how many seconds lie within any of *spans*, each from its beginning to its end, ordered by their beginnings."""
    covered, reached = 0.0, float("-inf")
    for begin, end in spans:
        covered += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return covered
