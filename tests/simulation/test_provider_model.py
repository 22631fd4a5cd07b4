"""What a provider's answers cost in a replay."""

from hostd.domain.profile import Price, Profile, Variant
from hostd.simulation.provider_model import cost_of


def test_only_a_provider_has_a_cost() -> None:
    """By its own price, or the list's; a machine's own model has none, whatever its owner says that it is worth."""
    cloud = Variant("cloud", provider="anthropic", model="claude-sonnet-5-5")
    assert cost_of(Profile("c", (cloud,)), 1_000_000, 100_000) == 3.0
    assert cost_of(Profile("c", (cloud,), price=Price(1.0, 1.0)), 1_000_000, 1_000_000) == 2.0
    assert cost_of(Profile("own", (Variant("llamacpp", path="m.gguf"),), price=Price(1.0, 1.0)), 1000, 1000) is None
