"""What cloud models cost: the owner's price, else the provider's list price as it was looked up on `AS_OF`.

List prices change; whoever has to know writes ``price`` into the profile. Where a price depends on the length of the prompt or the
hour of the day, the dearer one stands here, so that a spending cap errs on the safe side. Reductions (caches, batches) are not
counted. Anthropic's are from its own pages, Google's from a copy of its page of 2026-10-07, the others as third parties quoted them
by `AS_OF`. Where each provider publishes its own:

- anthropic: https://platform.claude.com/docs/en/about-claude/models/overview (and each model's own page)
- deepseek: https://api-docs.deepseek.com/quick_start/pricing (peak hours)
- google: https://ai.google.dev/gemini-api/docs/pricing (3.8 Flash as from January 2027)
- openai: https://developers.openai.com/api/docs/pricing
- xai: https://docs.x.ai/docs/models (prompts of more than 200,000 tokens)
- zai: https://docs.z.ai/guides/overview/pricing
"""

import re
from collections.abc import Mapping

from hostd.domain.profile import Price, Profile, Variant

AS_OF = "2026-11-20"

LIST_PRICES: Mapping[str, Mapping[str, Price]] = {
    "anthropic": {
        "claude-fable-5-1": Price(10.0, 50.0),
        "claude-haiku-4-5": Price(1.0, 5.0),
        "claude-haiku-5-5": Price(0.5, 2.5),
        "claude-opus-4-5": Price(5.0, 25.0),
        "claude-opus-5": Price(5.0, 25.0),
        "claude-opus-5-5": Price(4.0, 20.0),
        "claude-sonnet-4-5": Price(3.0, 15.0),
        "claude-sonnet-5": Price(2.0, 10.0),
        "claude-sonnet-5-5": Price(2.0, 10.0),
    },
    "deepseek": {
        "deepseek-flash": Price(0.3, 1.2),
        "deepseek-v4-pro": Price(1.32, 3.96),
    },
    "google": {
        "gemini-3.1-pro-preview": Price(4.0, 18.0),
        "gemini-3.5-flash": Price(1.5, 9.0),
        "gemini-3.5-flash-lite": Price(0.3, 2.5),
        "gemini-3.8-flash": Price(1.5, 7.5),
    },
    "openai": {
        "gpt-4.1": Price(2.0, 8.0),
        "gpt-4.1-mini": Price(0.4, 1.6),
        "gpt-4.1-nano": Price(0.1, 0.4),
        "gpt-4o": Price(2.5, 10.0),
        "gpt-4o-mini": Price(0.15, 0.6),
        "gpt-5": Price(1.25, 10.0),
        "gpt-5-nano": Price(0.05, 0.4),
        "gpt-5.1": Price(1.25, 10.0),
        "gpt-5.2": Price(1.75, 14.0),
        "gpt-5.4": Price(2.5, 15.0),
        "gpt-5.4-mini": Price(0.75, 4.5),
        "gpt-5.4-nano": Price(0.2, 1.25),
        "gpt-5.5": Price(5.0, 30.0),
        "o3": Price(2.0, 8.0),
    },
    "xai": {
        "grok-4.5": Price(4.0, 12.0),
        "grok-4.6": Price(4.0, 12.0),
    },
    "zai": {
        "glm-4.6": Price(0.6, 2.2),
        "glm-5.2": Price(1.4, 4.4),
        "glm-5.3": Price(1.4, 4.4),
    },
}
_DATED = re.compile(r"-(latest|\d{8}|\d{4}-\d{2}-\d{2})$")


def list_price(provider: str, model: str) -> Price | None:
    """Return the list price of a provider's *model*, of which a dated name is one state; None where it is not known."""
    return LIST_PRICES.get(provider, {}).get(_DATED.sub("", model))


def price_of(profile: Profile, variant: Variant) -> Price | None:
    """Return what the tokens of *profile* cost where *variant* serves it; None where nothing says so."""
    if profile.price is not None:
        return profile.price
    return None if variant.provider is None else list_price(variant.provider, variant.model or "")


def price_named(name: str, profiles: Mapping[str, Profile]) -> Price | None:
    """Return the price of a profile called *name*, else the list price of a provider's model: ``gpt-5`` or ``openai/gpt-5``."""
    if (profile := profiles.get(name)) is not None:
        return next((price for each in profile.variants if (price := price_of(profile, each)) is not None), None)
    wanted, _, model = name.rpartition("/")
    found = (list_price(each, model) for each in LIST_PRICES if wanted in ("", each))
    return next(filter(None, found), None)
