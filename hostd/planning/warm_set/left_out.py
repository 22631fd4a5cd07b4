"""Why a model that should be warm is not: in a sentence, and in bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hostd.domain.units import format_bytes
from hostd.planning.warm_set.load_option import Bytes, LoadOption, excess, less
from hostd.planning.warm_set.value import WarmCandidate, merit

_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Rejection:
    """A model that is not in the warm set, a sentence why, and the bytes that its nearest option lacks beside the set, by pool."""

    name: str
    why: str
    short: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WarmModel:
    """A model of the warm set, and the option it is warm with."""

    candidate: WarmCandidate
    option: LoadOption


def left_out(
    candidate: WarmCandidate, options: Sequence[LoadOption], free: Bytes, warm: Sequence[WarmModel]
) -> Rejection:
    """Return why *candidate* is not among the models that are *warm* in *free* bytes; *options* are those it may be warm with."""
    name = candidate.name
    if not options:
        return Rejection(name, f"no engine can serve {name} on this machine")
    left = less(free, (each.option for each in warm))
    alone = [option for option in options if not excess(option.needs, free)]
    if not alone:
        nearest = min(options, key=lambda option: sum(excess(option.needs, free).values()))
        missing = excess(nearest.needs, free)
        why = (
            f"{name} is larger than the memory there is for models: at its nearest ({_named(nearest)}) it takes "
            f"{amounts_of({pool: nearest.needs[pool] for pool in missing})}, which is {amounts_of(missing)} too much"
        )
        return Rejection(name, why, excess(nearest.needs, left))
    nearest = min(alone, key=lambda option: sum(excess(option.needs, left).values()))
    missing = excess(nearest.needs, left)
    why = (
        f"{name} ({merit(candidate)}) would fit alone, but as {_named(nearest)} it lacks {amounts_of(missing)} beside "
        f"{_holders(warm, missing)}"
    )
    return Rejection(name, why, missing)


def _holders(warm: Sequence[WarmModel], missing: Mapping[str, int]) -> str:
    """Return which models hold most of the pools that are too small, and what they are worth."""
    held = [(sum(each.option.needs.get(pool, 0) for pool in missing), each) for each in warm]
    largest = sorted((each for each in held if each[0]), key=lambda each: (-each[0], each[1].candidate.name))
    said = [
        f"{each.candidate.name} ({merit(each.candidate)}; {format_bytes(count)})"
        for count, each in largest[:_MOST_NAMED]
    ]
    if len(largest) > _MOST_NAMED:
        said.append(f"{len(largest) - _MOST_NAMED} more")
    return " and ".join(said)


def _named(option: LoadOption) -> str:
    pools = [pool for pool, _ in option.placement.devices] or [option.placement.host]
    return f"{option.label} on {' and '.join(pools)}"


def amounts_of(pools: Mapping[str, int]) -> str:
    """Return bytes by pool as ``2.0 GiB of cuda:0 and 1.0 GiB of ram``."""
    return " and ".join(f"{format_bytes(count)} of {pool}" for pool, count in sorted(pools.items()))
