"""A model that could be evicted, with the numbers by which it was weighed against others."""

from dataclasses import dataclass

from hostd.domain.lifecycle import State
from hostd.planning.warm_set.load_option import Bytes


@dataclass(frozen=True, slots=True)
class WeighedModel:
    """A model that might have been evicted: what that costs, and its next request (*reread_s*), when it may be, what it frees."""

    model: str
    cost_s: float
    free_in_s: float | None
    state: State
    in_flight: int
    queued: int
    bytes: Bytes
    reread_s: float = 0.0
