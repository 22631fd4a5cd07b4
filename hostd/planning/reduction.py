"""What may be left out of a packing question without changing its answer: slack pools, poor alternatives, mirrored pools."""

from collections.abc import Callable, Hashable, Sequence

from hostd.planning.frontier import Alternatives, Needs

Numbered = tuple[int, int, Needs]
"""An alternative that may be taken: its number in the question as it was asked, its value, and its needs."""


def tight_pools(items: Sequence[Alternatives], rooms: Needs) -> list[int]:
    """Return the pools that could be too small; into the others everything fits, whatever is chosen."""

    def most(pool: int) -> int:
        return sum(max((needs[pool] for _, needs in item), default=0) for item in items)

    return [pool for pool, room in enumerate(rooms) if most(pool) > room]


def useful(item: Alternatives, pools: Sequence[int], rooms: Needs) -> list[Numbered]:
    """Return the alternatives of an item that may be taken, best first, their needs of *pools* alone.

    Not those that do not fit into *rooms* even alone, nor those that are worth no more and need no less than another.
    """
    cut = [(number, value, tuple(needs[pool] for pool in pools)) for number, (value, needs) in enumerate(item)]
    fitting = [each for each in cut if _within(each[2], rooms)]
    kept: list[Numbered] = []
    for each in sorted(fitting, key=lambda each: (-each[1], sum(each[2]), each[0])):
        if not any(_within(other[2], each[2]) for other in kept):
            kept.append(each)
    return sorted(kept, key=lambda each: (-each[1], each[0]))


def canonical(items: Sequence[Sequence[Numbered]], rooms: Needs) -> Callable[[Needs], Hashable]:
    """Return what gives the same for rooms that differ only by the order of pools that can stand for each other."""
    groups = _interchangeable(items, rooms)
    if len(groups) == len(rooms):
        return lambda left: left
    if len(groups) == 1:
        return lambda left: tuple(sorted(left))
    return lambda left: tuple(tuple(sorted(left[pool] for pool in group)) for group in groups)


def _interchangeable(items: Sequence[Sequence[Numbered]], rooms: Needs) -> list[list[int]]:
    groups: list[list[int]] = []
    for pool, room in enumerate(rooms):
        for group in groups:
            if rooms[group[0]] == room and all(_mirrored(item, group[0], pool) for item in items):
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


def _within(needs: Needs, rooms: Needs) -> bool:
    return all(need <= room for need, room in zip(needs, rooms, strict=True))
