"""One concrete way to load a profile: which variant, where, and what that takes. What the desk decides about."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hostd.planning.footprint.llamacpp_serving import Placement

Bytes = Mapping[str, int]
"""Bytes by pool id."""

UNMEASURED_LOAD = 10.0
"""Seconds that a load is taken to last before any has been measured or estimated."""


@dataclass(frozen=True, slots=True)
class LoadOption:
    """A variant on a placement.

    *variant* counts within the profile's variants, best first. *needs* is the most that it holds of each pool while it serves,
    *expected* what it will probably hold, and *transient* what it takes beyond *needs* while it loads (bytes by pool id); all
    are empty where nothing is known or nothing is held on this machine. *gpu_layers* is how many layers go to the devices,
    None for all. *load_seconds* is measured where there are measurements, else estimated.
    """

    variant: int
    label: str
    placement: Placement = field(default_factory=Placement)
    gpu_layers: int | None = None
    needs: Mapping[str, int] = field(default_factory=dict)
    expected: Mapping[str, int] = field(default_factory=dict)
    transient: Mapping[str, int] = field(default_factory=dict)
    load_seconds: float = UNMEASURED_LOAD

    @property
    def peak(self) -> dict[str, int]:
        """The most bytes that it takes of each pool at any time, its load included."""
        return {pool: self.needs.get(pool, 0) + self.transient.get(pool, 0) for pool in {*self.needs, *self.transient}}


def excess(needs: Bytes, free: Bytes) -> dict[str, int]:
    """Return by how many bytes *needs* exceed *free*, by pool id; empty where they fit.

    A pool that was not measured counts as large enough: nothing can be said about it.
    """
    return {pool: need - free[pool] for pool, need in needs.items() if need > 0 and need > free.get(pool, need)}


def plus(free: Bytes, more: Bytes) -> dict[str, int]:
    """Return *free* and *more* added up, by pool id."""
    return {pool: free.get(pool, 0) + more.get(pool, 0) for pool in {*free, *more}}
