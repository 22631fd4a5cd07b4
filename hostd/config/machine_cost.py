"""What the machine itself costs, in the files of the owner."""

from collections.abc import Collection
from typing import Any

from hostd.config import field_types
from hostd.config.document import Document
from hostd.config.section import Section, key
from hostd.config.validators import hint, shown
from hostd.config.yaml_positions import YamlMapping
from hostd.domain.prices import LIST_PRICES, price_named


class MachineCostSection(Section):
    """What the machine costs, for `hostd cost` and `hostd report`: what it saves, and when it has paid for itself."""

    price: field_types.Amount | None = key("What it cost, in USD, as far as it was bought for models.")
    watts: field_types.Amount | None = key(
        "What it takes while a model answers; only used where NVIDIA's driver does not count the energy of its cards."
    )
    usd_per_kwh: field_types.Amount | None = key("Price of a kilowatt-hour, in USD.")
    compare: field_types.Text | None = key(
        "The cloud model that would answer otherwise: one of the price list, or a profile with a price. `--compare` names another."
    )


def check_machine(host: Document, profiles: Collection[Document]) -> None:
    """Report a model to compare with of which nobody knows the price."""
    machine: Any = host.root.get("machine")
    name = machine.get("compare") if isinstance(machine, YamlMapping) else None
    if not isinstance(name, str) or price_named(name, {}) is not None:
        return
    if not any(each.root.get("name") == name and each.root.get("price") for each in profiles):
        known = sorted(model for models in LIST_PRICES.values() for model in models)
        host.report(f"no price is known of {shown(name)}; {hint(name, known)}", machine.values_at["compare"])
