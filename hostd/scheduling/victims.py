"""Who goes, so that somebody else can come: the cheapest sufficient set, and never one model more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MOST_EXACT = 14
"""Candidates among which the cheapest set is found for certain; of more, the cheapest are taken until it suffices."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that could go. *price* is what its going is expected to cost (seconds), *bytes* what it holds, by pool id.

    *free_at* is when it may be asked to go (seconds on the desk's clock), None when only an event can tell.
    """

    name: str
    price: float
    bytes: Mapping[str, int]
    free_at: float | None


def cheapest(candidates: Sequence[Candidate], short: Mapping[str, int]) -> tuple[Candidate, ...] | None:
    """Return the candidates whose going frees at least *short* (bytes by pool id) at the lowest price; None if all are too few.

    Of equal price, fewer bytes go; without any shortage nobody does. No member of the result is superfluous.
    """
    if not short:
        return ()
    useful = sorted(
        (each for each in candidates if any(each.bytes.get(pool, 0) > 0 for pool in short)),
        key=lambda each: (each.price, sum(each.bytes.values()), each.name),
    )
    if any(sum(each.bytes.get(pool, 0) for each in useful) < lack for pool, lack in short.items()):
        return None
    if len(useful) > MOST_EXACT:
        return _spared(useful, short)
    search = _Search(useful, [(pool, lack) for pool, lack in short.items() if lack > 0])
    search.descend(0, (), 0.0, [lack for _, lack in search.short])
    return _spared(search.found, short)


def _spared(chosen: Sequence[Candidate], short: Mapping[str, int]) -> tuple[Candidate, ...]:
    """Return *chosen* without those, the dearest first, whose going is not needed."""
    kept = list(chosen)
    for each in sorted(chosen, key=lambda each: (-each.price, -sum(each.bytes.values()), each.name)):
        rest = [other for other in kept if other is not each]
        if all(sum(other.bytes.get(pool, 0) for other in rest) >= lack for pool, lack in short.items()):
            kept = rest
    return tuple(kept)


@dataclass(slots=True)
class _Search:
    """Depth first through with and without each candidate, cheapest first, bounded by the best set so far."""

    candidates: Sequence[Candidate]
    short: list[tuple[str, int]]
    best: tuple[float, int] = (float("inf"), 0)
    found: tuple[Candidate, ...] = ()
    rest: list[list[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rest = [
            [sum(each.bytes.get(pool, 0) for each in self.candidates[depth:]) for pool, _ in self.short]
            for depth in range(len(self.candidates) + 1)
        ]

    def descend(self, depth: int, taken: tuple[Candidate, ...], price: float, lack: list[int]) -> None:
        """Look at every set that goes on from *taken* and may be cheaper than the best one so far."""
        if all(need <= 0 for need in lack):
            cost = (price, sum(sum(each.bytes.values()) for each in taken))
            if cost < self.best:
                self.best, self.found = cost, taken
            return
        if price > self.best[0] or any(need > have for need, have in zip(lack, self.rest[depth], strict=True)):
            return
        each = self.candidates[depth]
        less = [need - each.bytes.get(pool, 0) for need, (pool, _) in zip(lack, self.short, strict=True)]
        self.descend(depth + 1, (*taken, each), price + each.price, less)
        self.descend(depth + 1, taken, price, lack)
