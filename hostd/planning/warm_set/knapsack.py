"""The most valuable packing of items into pools of memory, each in one of several ways or not at all, with a proof where it can.

The search decides item by item, the largest first, in rounds: at every depth the few most promising arrangements are extended by
one item, so each round ends in whole packings, and good ones are found early. An arrangement is dropped if it leaves the same
memory as one that is worth as much, or if the rest cannot lift it above the best packing known (see `knapsack_bounds`). Once no
arrangement is left, nothing better exists. The budget is counted in steps, not in time: the same question has the same answer.
"""

from bisect import bisect_right
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from operator import sub

from hostd.planning.warm_set.knapsack_bounds import (
    Alternatives,
    Needs,
    Numbered,
    canonical,
    frontiers,
    tight_pools,
    useful,
)

MOST_STEPS = 40_000
"""Alternatives that are tried on arrangements before the best packing so far is returned without proof."""
_AT_ONCE = 4

_Trail = tuple["_Trail", int | None] | None
# The picks so far, the last one first.
_Node = tuple[int, int, Needs, int, _Trail]
# The most it could become, its value, the memory left, the same as the first frontier weighs it, and its picks.


@dataclass(frozen=True, slots=True)
class Packing:
    """Which alternative of each item is packed (None: not at all), and whether it is known that nothing better exists."""

    picks: tuple[int | None, ...]
    proved: bool
    steps: int = 0


def pack(items: Sequence[Alternatives], free: Needs, most_steps: int = MOST_STEPS) -> Packing:
    """Return the packing of *items* into *free* (bytes by pool, none below zero) that is worth most.

    Values must be above zero. What is left out never fits beside the packing, proved or not.
    """
    pools = tight_pools(items, free)
    tight = tuple(free[pool] for pool in pools)
    options = [useful(item, pools, tight) for item in items]
    if not pools:
        return Packing(tuple(each[0][0] if each else None for each in options), proved=True)
    order = sorted(range(len(items)), key=lambda at: -_least_size(options[at], tight))
    search = _Search([options[at] for at in order], tight, most_steps)
    proved = search.run()
    found = dict(zip(order, search.picks(), strict=True))
    picks = [found[at] for at in range(len(items))]
    return Packing(tuple(_filled(picks, options, items, free)), proved, search.steps)


class _Search:
    def __init__(self, items: Sequence[Sequence[Numbered]], free: Needs, most_steps: int) -> None:
        plain = [[(value, needs) for _, value, needs in item] for item in items]
        self._rooms = free
        self._most_steps = most_steps
        self._first, *self._others = frontiers(plain, free)
        self._canonical = canonical(items, free)
        nothing = (None, 0, (0,) * len(free), 0)
        self._tried = [
            [*((number, gain, needs, self._first.weigh(needs)) for number, gain, needs in item), nothing]
            for item in items
        ]
        self._best = -1
        self._trace: _Trail = None
        self._seen: list[dict[Hashable, int]] = [{} for _ in items]
        self._waiting: list[list[tuple[int, int, int, _Node]]] = [[] for _ in items]
        self._waits = 0
        self.steps = 0

    def run(self) -> bool:
        """Search until nothing waits, which is the proof, or the budget is spent; the first round always ends."""
        self._wait(0, (self._first.most, 0, self._rooms, self._first.weigh(self._rooms), None))
        while True:
            # Every depth is searched, so no short circuit.
            moved = [self._advance(at) for at in range(len(self._tried))]
            if not any(moved):
                return True
            if self.steps >= self._most_steps:
                return False

    def picks(self) -> list[int | None]:
        """Return the picks of the best packing, item by item."""
        found, trace = [], self._trace
        while trace is not None:
            trace, pick = trace
            found.append(pick)
        return found[::-1]

    def _advance(self, at: int) -> bool:
        nodes = self._promising(at)
        for node in list(self._further(nodes, at)):
            if at + 1 < len(self._tried):
                self._wait(at + 1, node)
            elif node[1] > self._best:
                self._best, self._trace = node[1], node[4]
        return bool(nodes)

    def _wait(self, at: int, node: _Node) -> None:
        seen, key = self._seen[at], self._canonical(node[2])
        if seen.get(key, -1) >= node[1]:
            return
        seen[key] = node[1]
        self._waits += 1
        # Memory in one pool holds more than the same memory in several.
        heappush(self._waiting[at], (-node[0], -max(node[2]), self._waits, node))

    def _promising(self, at: int) -> list[_Node]:
        heap, found = self._waiting[at], list[_Node]()
        while heap and len(found) < _AT_ONCE:
            if -heap[0][0] <= self._best:
                heap.clear()
                break
            found.append(heappop(heap)[3])
        return found

    def _further(self, nodes: Sequence[_Node], at: int) -> Iterator[_Node]:
        """Yield each of *nodes* with every alternative of the item *at*, and without it, that may still beat the best."""
        sizes, values = self._first.steps[at + 1]
        tried = self._tried[at]
        self.steps += len(tried) * len(nodes)
        for _, value, free, room, trace in nodes:
            for number, gain, needs, size in tried:
                # The cheapest test first: most of the time is spent here.
                if size > room:
                    continue
                worth = value + gain
                most = worth + values[bisect_right(sizes, room - size) - 1]
                if most <= self._best:
                    continue
                left = tuple(map(sub, free, needs))
                if min(left) < 0:
                    continue
                for other in self._others:
                    most = min(most, worth + other.value(at + 1, left))
                if most > self._best:
                    yield most, worth, left, room - size, (trace, number)


def _least_size(options: Sequence[Numbered], free: Needs) -> float:
    """Return the least share of the pools that an item takes."""
    shares = (sum(need / max(1, room) for need, room in zip(needs, free, strict=True)) for _, _, needs in options)
    return min(shares, default=0.0)


def _filled(
    picks: list[int | None], options: Sequence[Sequence[Numbered]], items: Sequence[Alternatives], free: Needs
) -> Iterator[int | None]:
    """Yield *picks*, and where there are none the best alternative that still fits: a search without proof may miss it."""
    left = list(free)
    for pick, item in zip(picks, items, strict=True):
        if pick is not None:
            left = list(map(sub, left, item[pick][1]))
    for pick, kept, item in zip(picks, options, items, strict=True):
        fitting = (number for number, _, _ in kept if all(map(int.__le__, item[number][1], left)))
        more = next(fitting, None) if pick is None else None
        if more is not None:
            left = list(map(sub, left, item[more][1]))
        yield more if pick is None else pick
