"""Where a model may go on a machine: one card, a split over several of one kind, some layers on the host, or the host alone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hostd.domain.footprint import Footprint
from hostd.domain.host import Host, Pool
from hostd.planning.footprint.levers import Lever
from hostd.planning.footprint.llamacpp_serving import Placement

FreeBytes = Mapping[str, int]
"""Bytes that models may still take, by pool id."""

Estimate = Callable[[Placement, int | None], Footprint]
"""The footprint on a placement; the number is how many layers go to its devices (None: all)."""


@dataclass(frozen=True, slots=True, eq=False)
class ServingMode:
    """One way to serve a model.

    *layers* counts what can be left on the host one by one, 0 where the engine takes all or nothing. *cards_only* says that
    it needs an accelerator. *levers* computes what would save memory on a placement, and *advice* how to launch it there.
    *notes* are sentences on what was assumed.
    """

    label: str
    backend: str
    estimate: Estimate
    layers: int = 0
    cards_only: bool = False
    why_not: Callable[[Sequence[Pool]], str] = lambda _: ""
    levers: Callable[[Placement, FreeBytes], list[Lever]] = lambda *_: []
    advice: Callable[[Placement, FreeBytes], str] = lambda *_: ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class PlacedMode:
    """A way on a placement; *gpu_layers* is None where all layers go to the devices."""

    mode: ServingMode
    placement: Placement
    footprint: Footprint
    gpu_layers: int | None = None

    @property
    def needs(self) -> dict[str, int]:
        """The most bytes that it may take, by pool id."""
        return {pool: self.footprint.pool(pool).high for pool in self.footprint.parts}

    def fits(self, free: FreeBytes) -> bool:
        """Return whether it can be promised to fit: of an architecture that nobody here knows, only a load would tell."""
        return not self.footprint.bounded_only and not self.excess(free)

    def excess(self, free: FreeBytes) -> dict[str, int]:
        """Return how many bytes more than there is room for it may take, by pool id; empty where it fits."""
        return {pool: most - free.get(pool, 0) for pool, most in self.needs.items() if most > free.get(pool, 0)}


def pool_budgets(host: Host) -> dict[str, int]:
    """Return the room on *host* when no model is loaded: the budgets.

    A machine that is described without main memory is taken to have all of it for models, unless it is unified.
    """
    free = {pool.id: pool.budget for pool in host.pools}
    return free if "metal" in free else {"ram": host.ram_bytes} | free


def full_offload(mode: ServingMode, host: Host, free: FreeBytes) -> Iterator[PlacedMode]:
    """Yield *mode* with everything where the machine is fastest, best placement first.

    That is one card, the fullest one first so that large rooms stay large; then splits over as few cards of one kind as
    possible, in proportion to their room: over those with the most room first, then over the next. Without accelerators it is
    the host.
    """
    if not host.accelerators:
        if not mode.cards_only:
            yield PlacedMode(mode, Placement(), mode.estimate(Placement(), None))
        return
    for card in sorted(host.accelerators, key=lambda card: (free.get(card.id, 0), card.id)):
        if mode.why_not((card,)):
            continue
        placement = Placement.on(card.id)
        yield PlacedMode(mode, placement, mode.estimate(placement, None))
    for group in _kinds(host):
        largest = sorted(group, key=lambda card: -free.get(card.id, 0))
        for count in range(2, len(group) + 1):
            for first in range(0, len(group) - count + 1, count):
                cards = largest[first : first + count]
                if mode.why_not(cards):
                    continue
                placement = _split(cards, free)
                yield PlacedMode(mode, placement, mode.estimate(placement, None))


def partial_offload(mode: ServingMode, host: Host, free: FreeBytes) -> Iterator[PlacedMode]:
    """Yield *mode* with as many layers on cards as fit there and the rest on the host, then with all of them on the host."""
    if not host.accelerators or not mode.layers or "metal" in free:
        return
    group = max(_kinds(host), key=lambda group: sum(free.get(card.id, 0) for card in group))
    placement = _split(group, free)
    least, most = 0, mode.layers
    while least < most:
        middle = (least + most + 1) // 2
        there = mode.estimate(placement, middle)
        fits = all(there.pool(card.id).high <= free.get(card.id, 0) for card in group)
        least, most = (middle, most) if fits else (least, middle - 1)
    if least:
        yield PlacedMode(mode, placement, mode.estimate(placement, least), least)
    yield PlacedMode(mode, Placement(), mode.estimate(Placement(), None), 0)


def _split(cards: list[Pool], free: FreeBytes) -> Placement:
    ordered = sorted(cards, key=lambda card: card.id)
    return Placement(tuple((card.id, float(max(1, free.get(card.id, 0)))) for card in ordered))


def _kinds(host: Host) -> list[list[Pool]]:
    groups: dict[str, list[Pool]] = {}
    for pool in host.accelerators:
        groups.setdefault(pool.id.partition(":")[0], []).append(pool)
    return list(groups.values())
