"""Who holds what of each pool: the part of the account of the memory that is cheap enough to be looked at often."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hostd.domain.footprint import Component
from hostd.domain.lifecycle import State
from hostd.planning.warm_set.load_option import Bytes
from hostd.scheduling.memory_ledger import MemoryLedger
from hostd.scheduling.model_state import ModelState
from hostd.scheduling.view import PoolView

_CACHES = (Component.KV, Component.RECURRENT)


@dataclass(frozen=True, slots=True)
class ModelMemory:
    """What is *promised* to *model*, and the part of it that its *weights* and *caches* are expected to take; bytes by pool id."""

    model: str
    state: State
    promised: Bytes
    weights: Bytes
    caches: Bytes


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """The pools, and the models that hold something of them."""

    pools: tuple[PoolView, ...]
    models: tuple[ModelMemory, ...]

    @classmethod
    def of(cls, models: Mapping[str, ModelState], ledger: MemoryLedger) -> "MemoryUse":
        """Return who holds what now."""
        free = ledger.free()
        pools = (PoolView(pool, size, ledger.others.get(pool, 0), free[pool]) for pool, size in ledger.capacity.items())
        held = ((model, ledger.held(name)) for name, model in models.items())
        return cls(tuple(pools), tuple(_of_model(model, promised) for model, promised in held if promised))


def _of_model(model: ModelState, promised: Bytes) -> ModelMemory:
    weights = _expected(model, promised, (Component.WEIGHTS,))
    return ModelMemory(model.name, model.reported_state, dict(promised), weights, _expected(model, promised, _CACHES))


def _expected(model: ModelState, pools: Iterable[str], components: tuple[Component, ...]) -> dict[str, int]:
    parts = {} if model.option is None else model.option.footprint.parts
    return {
        pool: sum(parts[pool][each].expected for each in components if each in parts[pool])
        for pool in pools
        if pool in parts
    }
