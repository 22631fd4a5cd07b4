"""Why a model that should be warm is not: in a sentence, and in bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hostd.domain.units import format_bytes
from hostd.planning.footprint.placement import FreeBytes
from hostd.planning.warm_set.load_option import LoadOption
from hostd.planning.warm_set.value import WarmValue, merit

_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Rejection:
    """A model that is not in the warm set, a sentence why, and the bytes that its nearest choice lacks beside the set, by pool."""

    name: str
    why: str
    short: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WarmModel:
    """A model of the warm set, as it is warm."""

    name: str
    claim: WarmValue
    choice: LoadOption


def left_out(
    name: str, pending: WarmValue, options: Sequence[LoadOption], free: FreeBytes, warm: Sequence[WarmModel]
) -> Rejection:
    """Return why a model is not in the set of those that are *warm* in *free*; *options* are those it may be warm in."""
    if not options:
        return Rejection(name, f"no engine can serve {name} on this machine")
    left = dict(free)
    for each in warm:
        for pool, most in each.choice.needs.items():
            left[pool] = left.get(pool, 0) - most
    alone = [option for option in options if not lacking(option, free)]
    if not alone:
        nearest = min(options, key=lambda option: sum(lacking(option, free).values()))
        missing = lacking(nearest, free)
        why = (
            f"{name} is larger than the room there is for models: at its nearest ({_named(nearest)}) it takes "
            f"{_amounts({pool: nearest.needs[pool] for pool in missing})}, which is {_amounts(missing)} too much"
        )
        return Rejection(name, why, lacking(nearest, left))
    nearest = min(alone, key=lambda option: sum(lacking(option, left).values()))
    missing = lacking(nearest, left)
    why = (
        f"{name} ({merit(pending)}) would fit alone, but as {_named(nearest)} it lacks {_amounts(missing)} beside "
        f"{_holders(warm, missing)}"
    )
    return Rejection(name, why, missing)


def lacking(option: LoadOption, free: FreeBytes) -> dict[str, int]:
    """Return how many bytes more than there is room for a choice may take, by pool id; empty where it fits."""
    return {
        pool: most - free.get(pool, 0)
        for pool, most in sorted(option.needs.items())
        if most > max(0, free.get(pool, 0))
    }


def _holders(warm: Sequence[WarmModel], missing: Mapping[str, int]) -> str:
    """Return who holds most of the pools that are too small, and why they may."""
    held = [(sum(each.choice.needs.get(pool, 0) for pool in missing), each) for each in warm]
    largest = sorted((each for each in held if each[0]), key=lambda each: (-each[0], each[1].name))
    said = [f"{each.name} ({merit(each.claim)}; {format_bytes(count)})" for count, each in largest[:_MOST_NAMED]]
    if len(largest) > _MOST_NAMED:
        said.append(f"{len(largest) - _MOST_NAMED} more")
    return " and ".join(said)


def _named(option: LoadOption) -> str:
    pools = [pool for pool, _ in option.placement.devices] or [option.placement.host]
    return f"{option.label} on {' and '.join(pools)}"


def _amounts(amounts: Mapping[str, int]) -> str:
    return " and ".join(f"{format_bytes(count)} of {pool}" for pool, count in amounts.items())
