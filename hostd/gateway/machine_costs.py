"""What the machine itself came to, as the routes of costs show it."""

from collections.abc import Mapping
from typing import Any

from hostd.domain.assignments import hints
from hostd.domain.machine_costs import MachineSettings, balance
from hostd.domain.profile import Price, Role
from hostd.gateway.views import rounded
from hostd.telemetry.machine_history import MachineHistory


def machine_row(
    history: MachineHistory, settings: MachineSettings, price: Price | None, since: float
) -> dict[str, Any] | None:
    """Return what the machine came to since then, beside a model of *price*; None where nothing is known. Blocks.

    Nothing is known of a machine that has recorded no request, or of which neither its owner nor a counter says anything.
    """
    use = history.use(since)
    if use is None or (settings == MachineSettings() and use.joules is None):
        return None
    own = history.own_answers(since)
    found = balance(settings, use, None if price is None else own.at(price))
    return {
        "price_usd": settings.price,
        "days": round(use.days, 2),
        "busy_hours": round(use.busy_hours, 3),
        "answers": own.answered,
        "energy_kwh": rounded(found.kwh, 4),
        "energy_measured": found.measured,
        "energy_measured_hours": round(use.measured_hours, 2),
        "energy_usd": rounded(found.energy_usd, 4),
        "elsewhere_usd": rounded(found.elsewhere, 4),
        "saved_usd_a_day": rounded(found.saved_a_day, 4),
        "breaks_even_in_days": rounded(found.breaks_even, 1),
    }


def assignment_rows(history: MachineHistory, roles: Mapping[str, Role], since: float) -> list[dict[str, Any]]:
    """Return which models of *roles* look wrong, by what was asked of them since then. Blocks."""
    firsts = {name: role.use for name, role in roles.items()}
    return [hint._asdict() for hint in hints(history.role_uses(since, firsts))]
