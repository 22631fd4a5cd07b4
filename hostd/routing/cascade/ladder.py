"""The order of a cascade: the cheapest target first, and after a check that has failed, only targets further up."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hostd.domain.prices import price_of
from hostd.domain.profile import Profile
from hostd.domain.reason import FallbackReason
from hostd.domain.ticket import Target

_DEAREST = float("inf")


def ladder(use: Sequence[str], profiles: Mapping[str, Profile]) -> tuple[str, ...]:
    """Return the profiles of a role, the cheapest first; those that cost the same, as all of this machine do, in their order."""
    return tuple(sorted(use, key=lambda name: cost(profiles[name])))


def cost(profile: Profile) -> float:
    """Return what a million tokens of prompt and of answer cost together, in USD, at its dearest variant; infinite if not known."""
    costs = [0.0]
    for variant in profile.variants:
        price = price_of(profile, variant)
        costs.append((_DEAREST if variant.provider else 0.0) if price is None else price.input + price.output)
    return max(costs)


def cheapest_first(targets: Sequence[Target], rungs: Sequence[str]) -> tuple[Target, ...]:
    """Return *targets* in the order of *rungs*, behind them those that have none: fallbacks of profiles."""
    return tuple(sorted(targets, key=lambda each: rungs.index(each.model) if each.model in rungs else len(rungs)))


def upward(targets: Sequence[Target], rungs: Sequence[str]) -> tuple[Target, ...]:
    """Return *targets*, of which those may be escalated to that stand higher in *rungs* than all before them."""
    reached = -1
    found: list[Target] = []
    for target in targets:
        rung = rungs.index(target.model) if target.model in rungs else -1
        on = target.on - {FallbackReason.CHECK_FAILED} if target.via is None else target.on
        if rung > reached >= 0:
            on |= {FallbackReason.CHECK_FAILED}
        reached = max(reached, rung)
        found.append(target if on == target.on else replace(target, on=on))
    return tuple(found)
