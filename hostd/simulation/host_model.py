"""A machine and the models that live on it, with all that a replay must know of them: what they take and how fast they are."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hostd.domain.host import Pool, PoolKind
from hostd.domain.profile import Profile
from hostd.planning.warm_set.load_option import LoadOption

Rooms = dict[str, int]


@dataclass(frozen=True, slots=True)
class SimulatedSpeed:
    """Tokens a second that one request gets when it is alone: of its prompt, and of its answer."""

    prompt: float
    output: float

    def seconds(self, prompt_tokens: int, output_tokens: int) -> float:
        """Return how long a request of that length takes alone."""
        return prompt_tokens / self.prompt + output_tokens / self.output


@dataclass(frozen=True, slots=True)
class SimulatedModel:
    """A model: its profile, the ways to load it (best first), and how fast each of them is."""

    profile: Profile
    choices: tuple[LoadOption, ...]
    speeds: tuple[SimulatedSpeed, ...]

    @property
    def name(self) -> str:
        """The profile's name."""
        return self.profile.name

    @property
    def capacity(self) -> int:
        """Requests that it answers at once: what the owner allows, within what the engine decodes together."""
        return min(self.profile.slots, self.profile.limits.max_concurrent)

    @property
    def bytes(self) -> int:
        """All that its best choice takes."""
        return sum(self.choices[0].peak.values())

    def speed(self, option: LoadOption) -> SimulatedSpeed:
        """Return how fast *option* is."""
        return self.speeds[self.choices.index(option)]

    def place(self, free: Mapping[str, int]) -> LoadOption | None:
        """Return the first choice that fits into *free*, load and all; None where none does."""
        return next((option for option in self.choices if fits(option.peak, free)), None)


@dataclass(frozen=True, slots=True)
class SimulatedHost:
    """The pools of an otherwise idle machine, and its tenants by name. Stopping an engine takes *stop_seconds*."""

    pools: tuple[Pool, ...]
    tenants: Mapping[str, SimulatedModel]
    stop_seconds: float = 1.5

    @property
    def rooms(self) -> Rooms:
        """What models may take of each pool when none is loaded, in bytes."""
        return {pool.id: min(pool.budget, pool.free) for pool in self.pools}

    @property
    def accelerators(self) -> tuple[Pool, ...]:
        """The pools that models run on at full speed: all that are not main memory, or that where there is nothing else."""
        return tuple(pool for pool in self.pools if pool.kind is not PoolKind.RAM) or self.pools

    @property
    def profiles(self) -> dict[str, Profile]:
        """The profiles by name."""
        return {name: model.profile for name, model in self.tenants.items()}

    def only(self, names: Iterable[str]) -> "SimulatedHost":
        """Return the house with these tenants alone."""
        return replace(self, tenants={name: self.tenants[name] for name in names})

    def of(self, names: Iterable[str]) -> list[SimulatedModel]:
        """Return the tenants of these names, the largest first."""
        return sorted((self.tenants[name] for name in names), key=lambda model: (-model.bytes, model.name))

    def together(self, names: Iterable[str]) -> bool:
        """Return whether these models can all be loaded at the same time, in whatever ways and places."""
        return _pack(self.of(names), self.rooms)


def fits(needs: Mapping[str, int], free: Mapping[str, int]) -> bool:
    """Return whether *needs* fit into *free* (bytes by pool id)."""
    return all(most <= free.get(pool, 0) for pool, most in needs.items())


def take(free: Rooms, needs: Mapping[str, int]) -> Rooms:
    """Return what is left of *free* beside *needs*."""
    return free | {pool: free.get(pool, 0) - most for pool, most in needs.items()}


def _pack(tenants: Sequence[SimulatedModel], free: Rooms) -> bool:
    if not tenants:
        return True
    first, rest = tenants[0], tenants[1:]
    return any(fits(option.peak, free) and _pack(rest, take(free, option.needs)) for option in first.choices)
