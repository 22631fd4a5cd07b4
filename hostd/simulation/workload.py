"""Who plays in a made-up day: of all models of a house, those that give the day its point."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from hostd.simulation.engine import slowness
from hostd.simulation.host_model import House, Tenant

SMALL_SHARE = 0.2
"""A model is small that takes no more than this share of the memory that models have."""

MOST_SMALL, MOST_OTHERS = 2, 2


@dataclass(frozen=True, slots=True)
class Part:
    """A model's part: its usual request, in tokens, the seconds that this takes alone, and what it does of that a second at most.

    *throughput* counts seconds of work per second, so that it is 1 for a model that serves one request at a time.
    """

    model: str
    prompt_tokens: int
    output_tokens: int
    seconds: float
    throughput: float = 1.0


@dataclass(frozen=True, slots=True)
class Cast:
    """A *pair* that does not fit together, *small* models beside it, and *others* that do not fit beside the first of the pair."""

    pair: tuple[Part, Part]
    small: tuple[Part, ...]
    others: tuple[Part, ...]

    @property
    def large(self) -> tuple[Part, ...]:
        """The pair and the others."""
        return (*self.pair, *self.others)

    @property
    def models(self) -> list[str]:
        """The names of all."""
        return [part.model for part in (*self.large, *self.small)]


def choose_cast(house: House) -> Cast:
    """Return the cast for made-up days in *house*: the largest models that serve the purpose, beside the small ones if possible.

    Raises:
        ValueError: No two of its models fit one by one but not together; the text says so.
    """
    small = _small(house)
    large = [
        each
        for each in house.of(house.tenants)
        if each not in small and each.choices[0].gpu_layers is None and house.together([each.name])
    ]
    beside = [each for each in large if house.together([each.name, *(other.name for other in small)])]
    pairs = (pair for of in (beside, large) for pair in combinations(of, 2))
    pair = next((pair for pair in pairs if not house.together(each.name for each in pair)), None)
    if pair is None:
        raise ValueError(
            "no two of its models fit here one by one but not together, which such a day needs; "
            "take another machine (--host) or other models (--models)"
        )
    others = [each for each in large if each not in pair and not house.together([pair[0].name, each.name])]
    return Cast((_part(pair[0]), _part(pair[1])), _parts(small), _parts(others[-MOST_OTHERS:]))


def _small(house: House) -> list[Tenant]:
    """Return one small model for embeddings and one that chats, the larger ones of each kind first."""
    most = SMALL_SHARE * max(house.rooms[pool.id] for pool in house.accelerators)
    found = [tenant for tenant in house.of(house.tenants) if tenant.bytes <= most]
    kinds = ([each for each in found if each.profile.capabilities.embeddings is wanted] for wanted in (True, False))
    return [each for kind in kinds for each in kind[:1]][:MOST_SMALL]


def _parts(tenants: Sequence[Tenant]) -> tuple[Part, ...]:
    return tuple(_part(tenant) for tenant in tenants)


def _part(tenant: Tenant) -> Part:
    prompt, output = (300, 0) if tenant.profile.capabilities.embeddings else (2000, 250)
    seconds, places = tenant.speeds[0].seconds(prompt, output), tenant.capacity
    return Part(tenant.name, prompt, output, seconds, places / slowness(places))
