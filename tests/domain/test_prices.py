"""What cloud models cost."""

import re

import pytest

from hostd.domain.cloud import CLOUD_PROVIDERS
from hostd.domain.prices import AS_OF, LIST_PRICES, list_price, price_named, price_of
from hostd.domain.profile import Price, Profile, Variant

HAIKU = Variant("cloud", provider="anthropic", model="claude-haiku-4-5-20251001")


def test_the_table_is_dated_and_sound() -> None:
    """Every provider is one that profiles can name, and nothing is free; an answer costs no less than a prompt."""
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", AS_OF)
    assert set(LIST_PRICES) <= set(CLOUD_PROVIDERS)
    for prices in LIST_PRICES.values():
        assert all(0 < price.input <= price.output for price in prices.values())


@pytest.mark.parametrize(
    ("model", "known"),
    [
        ("claude-haiku-4-5", True),
        ("claude-haiku-4-5-20251001", True),
        ("claude-haiku-4-5-latest", True),
        ("claude-haiku", False),
    ],
)
def test_a_dated_name_is_one_state_of_a_model(model: str, *, known: bool) -> None:
    """A name that only begins alike is another model."""
    assert known == (list_price("anthropic", model) is not None)


def test_the_owners_price_comes_first() -> None:
    """Free is a price, too; a local variant of a cloud model's profile costs nothing."""
    assert Price(1.0, 5.0) == price_of(Profile("a", (HAIKU,)), HAIKU)
    free = Profile("a", (HAIKU,), price=Price())
    assert Price() == price_of(free, HAIKU)
    assert price_of(Profile("a", (HAIKU,)), Variant("llamacpp", path="a.gguf")) is None
    assert price_of(Profile("a", (HAIKU,)), Variant("cloud", provider="unheard-of", model="claude-haiku-4-5")) is None


def test_a_price_is_found_by_name() -> None:
    """A profile's first, then the list's, with or without its provider; a local profile has none, nor has a stranger."""
    profiles = {
        "gpt-5": Profile("gpt-5", (HAIKU,), price=Price(7.0, 8.0)),
        "mixed": Profile("mixed", (Variant("llamacpp"), HAIKU)),
        "local": Profile("local", (Variant("llamacpp"),)),
    }
    assert Price(7.0, 8.0) == price_named("gpt-5", profiles)
    assert Price(1.0, 5.0) == price_named("mixed", profiles)
    assert [LIST_PRICES["openai"]["gpt-5"]] * 2 == [price_named("gpt-5", {}), price_named("openai/gpt-5", profiles)]
    assert [None] * 3 == [price_named(name, profiles) for name in ("local", "zai/gpt-5", "no-such")]
