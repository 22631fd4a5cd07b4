"""A provider in a replay: what its answers cost, and when it gives none."""

from typing import NamedTuple

from hostd.domain.prices import price_of
from hostd.domain.profile import Profile
from hostd.domain.reason import FallbackReason

FAILS_AFTER = 0.2
"""Seconds after which a provider that is down has answered with an error."""


class Outage(NamedTuple):
    """From *begin* to *end* (seconds of the replay), *model* answers with errors."""

    model: str
    begin: float
    end: float


class ServedRequest(NamedTuple):
    """A request for what was *asked*, answered by *model*, *away* from the machine or not; *reason* as in its route, *cost* USD."""

    asked: str
    model: str
    reason: FallbackReason | None
    away: bool
    cost: float | None


def cost_of(profile: Profile, prompt_tokens: int, output_tokens: int) -> float | None:
    """Return what an answer of a provider's model costs, in USD; None for a model of the machine."""
    variant = profile.variants[0]
    price = None if variant.provider is None else price_of(profile, variant)
    return None if price is None else price.of(prompt_tokens, output_tokens)
