"""How much more value could still be packed into the memory left: the bound that lets a search of placements prove its end.

Several pools are looked at as one: each counts with a weight of its own, and what is weighed together may be used as if no wall
stood between them. Whatever fits into the pools fits into that one, so the best of that one is never too low.
"""

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import combinations

MOST_POINTS = 700
"""Points that a frontier keeps exactly; beyond that, neighbours count as one that is as small and as good as the best of them."""

_FINE = 1 << 20
_FEW_POOLS = 3

Needs = tuple[int, ...]
"""Bytes of each pool, in the order of the pools."""

Alternatives = Sequence[tuple[int, Needs]]
"""The ways to pack one item, of which at most one is taken: what each is worth, and what it needs."""

_Point = tuple[int, int]
# A size, and the value as a loss (below zero), so that points sort by size and then from the best.


class Frontier:
    """The most that the items from a given one on can be worth together, for every amount of memory."""

    def __init__(
        self, items: Sequence[Alternatives], free: Needs, weights: Needs, most_points: int = MOST_POINTS
    ) -> None:
        """Weigh *items* together for *free*; *weights* say how much a byte of each pool counts."""
        self._weights = weights
        capacity = self.weigh(free)
        kept: list[_Point] = [(0, 0)]
        self.steps: list[tuple[list[int], list[int]]] = [([0], [0])]
        for item in reversed(items):
            weighed = _front(sorted((self.weigh(needs), -value) for value, needs in item))
            kept = _thinned(_front(_joined(kept, weighed, capacity)), capacity, most_points)
            self.steps.append(([size for size, _ in kept], [-loss for _, loss in kept]))
        self.steps.reverse()
        self.most = self.value(0, free)

    def weigh(self, amounts: Needs) -> int:
        """Return bytes of each pool as bytes of the one."""
        return sum(weight * amount for weight, amount in zip(self._weights, amounts, strict=True))

    def value(self, at: int, free: Needs) -> int:
        """Return the most that the items from *at* on are worth in *free*, or a little more where points were thinned."""
        sizes, values = self.steps[at]
        return values[bisect_right(sizes, self.weigh(free)) - 1]


def frontiers(items: Sequence[Alternatives], free: Needs) -> list[Frontier]:
    """Return frontiers of several weightings, the tightest first; only those that say more than that everything fits."""
    everything = sum(max((value for value, _ in item), default=0) for item in items)
    found = [Frontier(items, free, weights) for weights in _weightings(free) if _binds(items, free, weights)]
    found = [each for each in found if each.most < everything] or [Frontier(items, free, (1,) * len(free))]
    return sorted(found, key=lambda each: each.most)


def _weightings(free: Needs) -> Iterator[Needs]:
    """Yield all pools alike, all in proportion to their size, each alone, and of few pools each group."""
    count = len(free)
    yield (1,) * count
    if len(set(free)) > 1:
        yield tuple(_FINE * max(free) // max(1, room) for room in free)
    sizes = range(1, count) if count <= _FEW_POOLS else range(1, 2)
    for group in (group for size in sizes for group in combinations(range(count), size)):
        yield tuple(int(pool in group) for pool in range(count))


def _binds(items: Sequence[Alternatives], free: Needs, weights: Needs) -> bool:
    """Return whether the best alternatives of all items are too large together, weighed so."""

    def weigh(amounts: Needs) -> int:
        return sum(weight * amount for weight, amount in zip(weights, amounts, strict=True))

    best = (min((-value, weigh(needs)) for value, needs in item)[1] for item in items if item)
    return sum(best) > weigh(free)


def _joined(kept: list[_Point], item: list[_Point], capacity: int) -> list[_Point]:
    """Return every point of *kept* without and with each alternative of *item*, as far as they fit, sorted."""
    joined = list(kept)
    for need, loss in item:
        end = bisect_right(kept, (capacity - need, 1))
        joined += [(size + need, lost + loss) for size, lost in kept[:end]]
    joined.sort()
    return joined


def _front(points: Iterable[_Point]) -> list[_Point]:
    """Return those of sorted points that are worth more than every smaller one."""
    kept, least = [], 1
    for point in points:
        if point[1] < least:
            kept.append(point)
            least = point[1]
    return kept


def _thinned(kept: list[_Point], capacity: int, most_points: int) -> list[_Point]:
    """Return about *most_points* points at most, each as small as the smallest and as good as the best that it stands for."""
    if len(kept) <= most_points:
        return kept
    width = capacity // most_points + 1
    cells: dict[int, _Point] = {}
    for size, loss in kept:
        first, _ = cells.get(size // width, (size, loss))
        cells[size // width] = (first, loss)
    return list(cells.values())


Numbered = tuple[int, int, Needs]
"""An alternative that may be taken: its number in the question as it was asked, its value, and its needs."""


def tight_pools(items: Sequence[Alternatives], free: Needs) -> list[int]:
    """Return the pools that could be too small; into the others everything fits, whatever is chosen."""

    def most(pool: int) -> int:
        return sum(max((needs[pool] for _, needs in item), default=0) for item in items)

    return [pool for pool, room in enumerate(free) if most(pool) > room]


def useful(item: Alternatives, pools: Sequence[int], free: Needs) -> list[Numbered]:
    """Return the alternatives of an item that may be taken, best first, their needs of *pools* alone.

    Not those that do not fit into *free* even alone, nor those that are worth no more and need no less than another.
    """
    cut = [(number, value, tuple(needs[pool] for pool in pools)) for number, (value, needs) in enumerate(item)]
    fitting = [each for each in cut if _within(each[2], free)]
    kept: list[Numbered] = []
    for each in sorted(fitting, key=lambda each: (-each[1], sum(each[2]), each[0])):
        if not any(_within(other[2], each[2]) for other in kept):
            kept.append(each)
    return sorted(kept, key=lambda each: (-each[1], each[0]))


def canonical(items: Sequence[Sequence[Numbered]], free: Needs) -> Callable[[Needs], Hashable]:
    """Return what gives the same for rooms that differ only by the order of pools that can stand for each other."""
    groups = _interchangeable(items, free)
    if len(groups) == len(free):
        return lambda left: left
    if len(groups) == 1:
        return lambda left: tuple(sorted(left))
    return lambda left: tuple(tuple(sorted(left[pool] for pool in group)) for group in groups)


def _interchangeable(items: Sequence[Sequence[Numbered]], free: Needs) -> list[list[int]]:
    groups: list[list[int]] = []
    for pool, room in enumerate(free):
        for group in groups:
            if free[group[0]] == room and all(_mirrored(item, group[0], pool) for item in items):
                group.append(pool)
                break
        else:
            groups.append([pool])
    return groups


def _mirrored(item: Sequence[Numbered], one: int, other: int) -> bool:
    """Return whether each alternative has its like with the two pools exchanged."""

    def exchanged(needs: Needs) -> Needs:
        amounts = list(needs)
        amounts[one], amounts[other] = amounts[other], amounts[one]
        return tuple(amounts)

    return {(value, needs) for _, value, needs in item} == {(value, exchanged(needs)) for _, value, needs in item}


def _within(needs: Needs, free: Needs) -> bool:
    return all(need <= room for need, room in zip(needs, free, strict=True))
