"""First settings: how much context and how many slots a model gets on this host, and which models are warm from boot."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from hostd.domain.footprint import Footprint
from hostd.domain.host import Host
from hostd.domain.shape import Shape
from hostd.domain.ticket import Task
from hostd.planning.footprint.llamacpp import footprint
from hostd.planning.footprint.llamacpp_serving import Placement, Serving
from hostd.planning.footprint.serving_modes import ServingMode
from hostd.planning.warm_set.load_option import (
    Bytes,
    LoadOption,
    expert_offload,
    full_offload,
    load_options,
    partial_offload,
)
from hostd.planning.warm_set.solver import choose_warm_set
from hostd.planning.warm_set.value import WarmCandidate

MOST_CONTEXT = 32768
"""Tokens per slot that are proposed at most: enough for an agent's work, and few enough to leave memory to other models."""
LEAST_CONTEXT = 2048
_SPLIT_CONTEXT = 8192
_UNPACKED = frozenset({"F32", "F16", "BF16", ""})

Serve = Callable[[int, int], Serving]
"""The engine's flags for so many tokens of context per slot and so many slots."""


@dataclass(frozen=True, slots=True)
class FirstSettings:
    """Settings with which a model fits, and the option it is loaded with."""

    context: int
    slots: int
    option: LoadOption

    @property
    def gpu_layers(self) -> int | None:
        """Layers on the accelerators where the others must stay on the CPU; None where all fit."""
        return self.option.gpu_layers


@dataclass(frozen=True, slots=True)
class ServableModel:
    """A model that can be served, with its first settings."""

    name: str
    shape: Shape
    start: FirstSettings
    task: Task = Task.TEXT


def find_first_settings(
    shape: Shape, serve: Serve, host: Host, free: Bytes, *, makes_text: bool = True
) -> FirstSettings | None:
    """Return the most context, and then the most slots, with which *shape* fits into *free*; None where nothing fits.

    A host with accelerators takes all of it there if it can, else some layers on the CPU with a shorter context. The high ends
    of the footprints count.
    """
    for find, most in (
        (full_offload, MOST_CONTEXT),
        (expert_offload, _SPLIT_CONTEXT),
        (partial_offload, _SPLIT_CONTEXT),
    ):
        for context in _contexts(shape, most):
            for slots in (2, 1) if makes_text else (1,):
                mode = _way(shape, serve(context, slots))
                option = next((each for each in find(mode, host, free) if each.fits(free)), None)
                if option is not None:
                    return FirstSettings(context, slots, option)
    return None


def best_packed(copies: Sequence[ServableModel]) -> ServableModel:
    """Return which of several quantisations of one model to serve.

    That is a packed one if there is any, then the one with the most context and slots, then the largest: the most precise.
    """

    def worth(ready: ServableModel) -> tuple[bool, bool, int, int, int]:
        start = ready.start
        # An unpacked file is two to four times as large and as slow, for a quality that few notice.
        packed = ready.shape.quantisation not in _UNPACKED
        return packed, start.gpu_layers is None, start.context, start.slots, ready.shape.weight_bytes

    return max(copies, key=worth)


def warm_together(models: Sequence[ServableModel], host: Host, free: Bytes) -> frozenset[str]:
    """Return the names of the models that are warm from boot because they fit together: the largest chat model first.

    Then the smallest of those for each other task, embeddings first, then the other chat models by size.
    """
    of_task = {
        task: sorted((each for each in models if each.task is task), key=lambda each: each.shape.weight_bytes)
        for task in Task
    }
    chats = of_task.pop(Task.TEXT)[::-1]
    smallest = [found for others in of_task.values() for found in others[:1]]
    ordered = [*chats[:1], *smallest, *chats[1:]]
    candidates = [
        WarmCandidate(each.name, load_options(each.start.option.mode, host, free)[0], len(ordered) - rank)
        for rank, each in enumerate(ordered)
    ]
    return frozenset(choose_warm_set(candidates, free).options)


def _contexts(shape: Shape, most: int) -> Iterator[int]:
    """Yield powers of two that the model was trained for, from *most* down."""
    trained = min(shape.context or LEAST_CONTEXT, most)
    context = 1 << (trained.bit_length() - 1)
    yield context
    while context > LEAST_CONTEXT:
        context //= 2
        yield context


def _way(shape: Shape, serving: Serving) -> ServingMode:
    def estimate(placement: Placement, layers: int | None) -> Footprint:
        return footprint(shape, replace(serving, gpu_layers=layers), placement)

    return ServingMode(shape.name, "llamacpp", estimate, layers=len(shape.layers) + len(shape.nextn) + 1)
