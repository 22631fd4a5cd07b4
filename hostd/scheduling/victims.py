"""Who goes, so that somebody else can come: the cheapest sufficient set, and never one model more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MOST_STEPS = 600
"""Steps of search: among eight candidates the cheapest set is found for certain, among more the cheapest of those looked at.

The desk decides between two requests, so the worst case has to be over in a few milliseconds.
"""


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
    useful = sorted((each for each in candidates if any(each.bytes.get(pool, 0) > 0 for pool in short)), key=_cheapness)
    if any(sum(each.bytes.get(pool, 0) for each in useful) < lack for pool, lack in short.items()):
        return None
    search = _Search(useful, [(pool, lack) for pool, lack in short.items() if lack > 0], _spared(useful, short))
    search.descend(0, (), 0.0, [lack for _, lack in search.short])
    return _spared(search.found, short)


def _cheapness(each: Candidate) -> tuple[float, int, str]:
    return each.price, sum(each.bytes.values()), each.name


def _spared(chosen: Sequence[Candidate], short: Mapping[str, int]) -> tuple[Candidate, ...]:
    """Return *chosen* without those, the dearest first, whose going is not needed."""
    kept = list(chosen)
    for each in sorted(chosen, key=_cheapness, reverse=True):
        rest = [other for other in kept if other is not each]
        if all(sum(other.bytes.get(pool, 0) for other in rest) >= lack for pool, lack in short.items()):
            kept = rest
    return tuple(kept)


@dataclass(slots=True)
class _Search:
    """Depth first through with and without each candidate, cheapest first, bounded by the best set so far."""

    candidates: Sequence[Candidate]
    short: list[tuple[str, int]]
    found: tuple[Candidate, ...]
    best: tuple[float, int] = field(init=False)
    steps: int = 0
    bytes: list[list[int]] = field(init=False)
    rest: list[list[int]] = field(init=False)

    def __post_init__(self) -> None:
        self.best = (sum(each.price for each in self.found), sum(sum(each.bytes.values()) for each in self.found))
        self.bytes = [[each.bytes.get(pool, 0) for pool, _ in self.short] for each in self.candidates]
        self.rest = [[0] * len(self.short)]
        for held in reversed(self.bytes):
            self.rest.append([more + have for more, have in zip(held, self.rest[-1], strict=True)])
        self.rest.reverse()

    def descend(self, depth: int, taken: tuple[Candidate, ...], price: float, lack: list[int]) -> None:
        """Look at every set that goes on from *taken* and may be cheaper than the best one so far."""
        self.steps += 1
        if max(lack, default=0) <= 0:
            cost = (price, sum(sum(each.bytes.values()) for each in taken))
            if cost < self.best:
                self.best, self.found = cost, taken
            return
        for need, have in zip(lack, self.rest[depth], strict=True):
            if need > have:
                return
        each = self.candidates[depth]
        # They come in order of price: whatever else goes, costs at least as much as this one.
        if price + each.price > self.best[0] or self.steps >= MOST_STEPS:
            return
        less = [need - held for need, held in zip(lack, self.bytes[depth], strict=True)]
        self.descend(depth + 1, (*taken, each), price + each.price, less)
        self.descend(depth + 1, taken, price, lack)
