"""Workloads of generated traces: which of a host's models compete, and which stay beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from hostd.domain.ticket import Task
from hostd.simulation.engine import slowness
from hostd.simulation.host_model import SimulatedHost, SimulatedModel

SMALL_SHARE = 0.2
"""Largest share of the largest accelerator that a small model takes."""

MOST_SMALL, MOST_OTHERS = 2, 2


@dataclass(frozen=True, slots=True)
class WorkloadRole:
    """A model's usual request: its length in tokens and the seconds that it takes alone.

    *throughput* is the most work per second, in such seconds: 1 for a model that serves one request at a time.
    """

    model: str
    prompt_tokens: int
    output_tokens: int
    seconds_alone: float
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
        """The names of all models."""
        return [part.model for part in (*self.large, *self.small)]


def choose_workload(host: SimulatedHost) -> Workload:
    """Return the workload for generated traces on *host*: the largest models that compete, the small ones beside if possible.

    Raises:
        ValueError: No two of its models fit one by one but not together; the text says so.
    """
    small = _small(host)
    large = [
        each
        for each in host.largest_first(host.models)
        if each not in small and each.options[0].gpu_layers is None and host.fit_together([each.name])
    ]
    beside = [each for each in large if host.fit_together([each.name, *(other.name for other in small)])]
    pairs = (pair for of in (beside, large) for pair in combinations(of, 2))
    pair = next((pair for pair in pairs if not host.fit_together(each.name for each in pair)), None)
    if pair is None:
        raise ValueError(
            "no two of its models fit here one by one but not together, which such a trace needs; "
            "take another machine (--host) or other models (--models)"
        )
    others = [each for each in large if each not in pair and not host.fit_together([pair[0].name, each.name])]
    return Workload((_part(pair[0]), _part(pair[1])), _parts(small), _parts(others[-MOST_OTHERS:]))


def _small(host: SimulatedHost) -> list[SimulatedModel]:
    """Return one small model for embeddings and one that chats, the larger ones of each kind first."""
    most = SMALL_SHARE * max(host.free[pool.id] for pool in host.accelerators)
    found = [model for model in host.largest_first(host.models) if model.bytes <= most]
    kinds = (
        [each for each in found if each.profile.capabilities.task is wanted] for wanted in (Task.EMBEDDINGS, Task.TEXT)
    )
    return [each for kind in kinds for each in kind[:1]][:MOST_SMALL]


def _parts(models: Sequence[SimulatedModel]) -> tuple[WorkloadRole, ...]:
    return tuple(_part(model) for model in models)


def _part(model: SimulatedModel) -> WorkloadRole:
    prompt, output = (300, 0) if model.profile.capabilities.task is not Task.TEXT else (2000, 250)
    seconds, places = model.speeds[0].seconds(prompt, output), model.capacity
    return WorkloadRole(model.name, prompt, output, seconds, places / slowness(places))
