"""A simulated host and its models: the bytes that each takes and how fast it is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hostd.domain.host import Pool, PoolKind
from hostd.domain.profile import Profile
from hostd.planning.warm_set.load_option import LoadOption

FreeBytes = dict[str, int]


@dataclass(frozen=True, slots=True)
class SimulatedSpeed:
    """Tokens per second of a single request: prefill and decode."""

    prompt: float
    output: float

    def seconds(self, prompt_tokens: int, output_tokens: int) -> float:
        """Return the seconds that a request of that length takes alone."""
        return prompt_tokens / self.prompt + output_tokens / self.output


@dataclass(frozen=True, slots=True)
class SimulatedModel:
    """A model: its profile, its load options (best first), and the speed of each."""

    profile: Profile
    options: tuple[LoadOption, ...]
    speeds: tuple[SimulatedSpeed, ...]

    @property
    def name(self) -> str:
        """The profile's name."""
        return self.profile.name

    @property
    def capacity(self) -> int:
        """Requests in flight at once: `max_concurrent`, within the engine's slots."""
        return min(self.profile.slots, self.profile.limits.max_concurrent)

    @property
    def bytes(self) -> int:
        """Peak bytes of its best option, all pools together."""
        return sum(self.options[0].peak.values())

    def speed(self, option: LoadOption) -> SimulatedSpeed:
        """Return the speed of *option*."""
        # Shares of elastic memory, which differ from load to load, do not change the speed.
        where = (option.variant, option.placement, option.gpu_layers)
        each = next(each for each in self.options if (each.variant, each.placement, each.gpu_layers) == where)
        return self.speeds[self.options.index(each)]

    def place(self, free: Mapping[str, int]) -> LoadOption | None:
        """Return the first option whose peak fits into *free* (bytes by pool); None where none does."""
        return next((option for option in self.options if fits(option.peak, free)), None)


@dataclass(frozen=True, slots=True)
class SimulatedHost:
    """The pools of an otherwise idle machine, and its models by name. Stopping an engine takes *stop_seconds*."""

    pools: tuple[Pool, ...]
    models: Mapping[str, SimulatedModel]
    stop_seconds: float = 1.5

    @property
    def free(self) -> FreeBytes:
        """Bytes of each pool that models may take when none is loaded."""
        return {pool.id: min(pool.budget, pool.free) for pool in self.pools}

    @property
    def accelerators(self) -> tuple[Pool, ...]:
        """Pools on which models run at full speed: all but main memory, or main memory where there is no other."""
        return tuple(pool for pool in self.pools if pool.kind is not PoolKind.RAM) or self.pools

    @property
    def profiles(self) -> dict[str, Profile]:
        """The profiles by name."""
        return {name: model.profile for name, model in self.models.items()}

    def only(self, names: Iterable[str]) -> "SimulatedHost":
        """Return the host with these models alone."""
        return replace(self, models={name: self.models[name] for name in names})

    def largest_first(self, names: Iterable[str]) -> list[SimulatedModel]:
        """Return the models of these names, the largest first."""
        return sorted((self.models[name] for name in names), key=lambda model: (-model.bytes, model.name))

    def fit_together(self, names: Iterable[str]) -> bool:
        """Return whether these models fit together, whichever of their options are taken."""
        return _pack(self.largest_first(names), self.free)


def fits(needs: Mapping[str, int], free: Mapping[str, int]) -> bool:
    """Return whether *needs* fit into *free* (bytes by pool id)."""
    return all(most <= free.get(pool, 0) for pool, most in needs.items())


def take(free: FreeBytes, needs: Mapping[str, int]) -> FreeBytes:
    """Return what is left of *free* beside *needs*."""
    return free | {pool: free.get(pool, 0) - most for pool, most in needs.items()}


def _pack(models: Sequence[SimulatedModel], free: FreeBytes) -> bool:
    if not models:
        return True
    first, rest = models[0], models[1:]
    return any(fits(option.peak, free) and _pack(rest, take(free, option.needs)) for option in first.options)
