"""Who plays in a made-up day: of all models of a house, those that give the day its point."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from hostd.simulation.engine import slowness
from hostd.simulation.host_model import SimulatedHost, SimulatedModel

SMALL_SHARE = 0.2
"""A model is small that takes no more than this share of the memory that models have."""

MOST_SMALL, MOST_OTHERS = 2, 2


@dataclass(frozen=True, slots=True)
class WorkloadRole:
    """A model's part: its usual request, in tokens, the seconds that this takes alone, and what it does of that a second at most.

    *throughput* counts seconds of work per second, so that it is 1 for a model that serves one request at a time.
    """

    model: str
    prompt_tokens: int
    output_tokens: int
    seconds: float
    throughput: float = 1.0


@dataclass(frozen=True, slots=True)
class Workload:
    """A *pair* that does not fit together, *small* models beside it, and *others* that do not fit beside the first of the pair."""

    pair: tuple[WorkloadRole, WorkloadRole]
    small: tuple[WorkloadRole, ...]
    others: tuple[WorkloadRole, ...]

    @property
    def large(self) -> tuple[WorkloadRole, ...]:
        """The pair and the others."""
        return (*self.pair, *self.others)

    @property
    def models(self) -> list[str]:
        """The names of all."""
        return [part.model for part in (*self.large, *self.small)]


def choose_workload(app: SimulatedHost) -> Workload:
    """Return the cast for made-up days in *app*: the largest models that serve the purpose, beside the small ones if possible.

    Raises:
        ValueError: No two of its models fit one by one but not together; the text says so.
    """
    small = _small(app)
    large = [
        each
        for each in app.of(app.tenants)
        if each not in small and each.choices[0].gpu_layers is None and app.together([each.name])
    ]
    beside = [each for each in large if app.together([each.name, *(other.name for other in small)])]
    pairs = (pair for of in (beside, large) for pair in combinations(of, 2))
    pair = next((pair for pair in pairs if not app.together(each.name for each in pair)), None)
    if pair is None:
        raise ValueError(
            "no two of its models fit here one by one but not together, which such a day needs; "
            "take another machine (--host) or other models (--models)"
        )
    others = [each for each in large if each not in pair and not app.together([pair[0].name, each.name])]
    return Workload((_part(pair[0]), _part(pair[1])), _parts(small), _parts(others[-MOST_OTHERS:]))


def _small(app: SimulatedHost) -> list[SimulatedModel]:
    """Return one small model for embeddings and one that chats, the larger ones of each kind first."""
    most = SMALL_SHARE * max(app.rooms[pool.id] for pool in app.accelerators)
    found = [model for model in app.of(app.tenants) if model.bytes <= most]
    kinds = ([each for each in found if each.profile.capabilities.embeddings is wanted] for wanted in (True, False))
    return [each for kind in kinds for each in kind[:1]][:MOST_SMALL]


def _parts(tenants: Sequence[SimulatedModel]) -> tuple[WorkloadRole, ...]:
    return tuple(_part(model) for model in tenants)


def _part(model: SimulatedModel) -> WorkloadRole:
    prompt, output = (300, 0) if model.profile.capabilities.embeddings else (2000, 250)
    seconds, places = model.speeds[0].seconds(prompt, output), model.capacity
    return WorkloadRole(model.name, prompt, output, seconds, places / slowness(places))
