"""Why a model that should be warm is not: in a sentence, and in bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hostd.domain.units import format_bytes
from hostd.planning.footprint.placement import Rooms
from hostd.planning.warm_set.load_option import Choice
from hostd.planning.warm_set.value import Claim, merit

_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A model that is not in the warm set, a sentence why, and the bytes that its nearest choice lacks beside the set, by pool."""

    name: str
    why: str
    short: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Taken:
    """A model of the warm set, as it is warm."""

    name: str
    claim: Claim
    choice: Choice


def left_out(name: str, claim: Claim, choices: Sequence[Choice], rooms: Rooms, warm: Sequence[Taken]) -> LeftOut:
    """Return why a model is not in the set of those that are *warm* in *rooms*; *choices* are those it may be warm in."""
    if not choices:
        return LeftOut(name, f"no engine can serve {name} on this machine")
    left = dict(rooms)
    for each in warm:
        for pool, most in each.choice.needs.items():
            left[pool] = left.get(pool, 0) - most
    alone = [choice for choice in choices if not lacking(choice, rooms)]
    if not alone:
        nearest = min(choices, key=lambda choice: sum(lacking(choice, rooms).values()))
        missing = lacking(nearest, rooms)
        why = (
            f"{name} is larger than the room there is for models: at its nearest ({_named(nearest)}) it takes "
            f"{_amounts({pool: nearest.needs[pool] for pool in missing})}, which is {_amounts(missing)} too much"
        )
        return LeftOut(name, why, lacking(nearest, left))
    nearest = min(alone, key=lambda choice: sum(lacking(choice, left).values()))
    missing = lacking(nearest, left)
    why = (
        f"{name} ({merit(claim)}) would fit alone, but as {_named(nearest)} it lacks {_amounts(missing)} beside "
        f"{_holders(warm, missing)}"
    )
    return LeftOut(name, why, missing)


def lacking(choice: Choice, rooms: Rooms) -> dict[str, int]:
    """Return how many bytes more than there is room for a choice may take, by pool id; empty where it fits."""
    return {
        pool: most - rooms.get(pool, 0)
        for pool, most in sorted(choice.needs.items())
        if most > max(0, rooms.get(pool, 0))
    }


def _holders(warm: Sequence[Taken], missing: Mapping[str, int]) -> str:
    """Return who holds most of the pools that are too small, and why they may."""
    held = [(sum(each.choice.needs.get(pool, 0) for pool in missing), each) for each in warm]
    largest = sorted((each for each in held if each[0]), key=lambda each: (-each[0], each[1].name))
    said = [f"{each.name} ({merit(each.claim)}; {format_bytes(count)})" for count, each in largest[:_MOST_NAMED]]
    if len(largest) > _MOST_NAMED:
        said.append(f"{len(largest) - _MOST_NAMED} more")
    return " and ".join(said)


def _named(choice: Choice) -> str:
    pools = [pool for pool, _ in choice.placement.devices] or [choice.placement.host]
    return f"{choice.label} on {' and '.join(pools)}"


def _amounts(amounts: Mapping[str, int]) -> str:
    return " and ".join(f"{format_bytes(count)} of {pool}" for pool, count in amounts.items())
