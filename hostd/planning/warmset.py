"""Which declared models can be warm together: first fit by priority, then every better arrangement as long as that is cheap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hostd.domain.host import Host
from hostd.planning.placing import Option, Rooms, Way, partial, whole

MOST_STEPS = 6_000
"""Arrangements that are looked at before the best one so far is taken without proof."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A model that should be warm, the ways to serve it (best first), how much it matters, and whether it may be evicted."""

    name: str
    ways: Sequence[Way]
    priority: int = 50
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class WarmSet:
    """The models that fit together, each with its placement; *proved* says that no other placement of them does better."""

    options: Mapping[str, Option]
    proved: bool

    def room_left(self, rooms: Rooms) -> dict[str, int]:
        """Return what is left of *rooms* beside the set."""
        left = dict(rooms)
        for option in self.options.values():
            for pool, most in option.needs.items():
                left[pool] = left.get(pool, 0) - most
        return left


def choose(wishes: Sequence[Wish], host: Host, rooms: Rooms) -> WarmSet:
    """Return the best set of *wishes* that fits into *rooms* together.

    A set is better that has more of the most important wishes, then more of the next, and then better ways to serve them. A
    wish may be split between cards and host only where it would not fit on the cards of an empty machine.
    """
    ordered = sorted(wishes, key=lambda wish: -wish.priority)
    search = _Search(ordered, [_choices(wish, host, rooms) for wish in ordered], dict(rooms))
    search.descend(0, 0, {})
    return WarmSet(search.found, search.steps < MOST_STEPS)


@dataclass(frozen=True, slots=True)
class _Choice:
    """The way of that *rank* on one placement, and what it needs."""

    rank: int
    option: Option
    needs: tuple[tuple[str, int], ...]


def _choices(wish: Wish, host: Host, rooms: Rooms) -> list[_Choice]:
    for find in (whole, partial):
        found = [
            _Choice(rank, option, tuple(option.needs.items()))
            for rank, way in enumerate(wish.ways)
            for option in find(way, host, rooms)
            if option.fits(rooms)
        ]
        if found:
            return found
    return []


@dataclass(slots=True)
class _Search:
    """Depth first through the choices of each wish, with a bound; the first path down is plain first fit.

    The value of a set is one number: a wish outweighs all that matter less, and any wish outweighs every choice of ways.
    """

    wishes: list[Wish]
    choices: list[list[_Choice]]
    rooms: dict[str, int]
    best: int = -1
    found: dict[str, Option] = field(default_factory=dict)
    steps: int = 0
    gains: list[int] = field(default_factory=list)
    rest: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        ways = 1 + sum(len(wish.ways) for wish in self.wishes)
        ranks = sorted({wish.priority for wish in self.wishes})
        self.gains = [ways * (len(self.wishes) + 1) ** ranks.index(wish.priority) for wish in self.wishes]
        possible = [gain if found else 0 for gain, found in zip(self.gains, self.choices, strict=True)]
        self.rest = [sum(possible[depth:]) for depth in range(len(possible) + 1)]

    def descend(self, depth: int, value: int, taken: dict[str, Option]) -> None:
        """Look at every arrangement of the wishes from *depth* on that may beat the best one so far."""
        self.steps += 1
        if depth == len(self.wishes):
            self.best, self.found = value, taken
            return
        for choice in self.choices[depth]:
            gained = value + self.gains[depth] - choice.rank
            if not self._worth(gained, depth):
                break
            if all(most <= self.rooms.get(pool, 0) for pool, most in choice.needs):
                self._take(choice, 1)
                self.descend(depth + 1, gained, {**taken, self.wishes[depth].name: choice.option})
                self._take(choice, -1)
        if self._worth(value, depth):
            self.descend(depth + 1, value, taken)

    def _worth(self, value: int, depth: int) -> bool:
        return value + self.rest[depth + 1] > self.best and (self.best < 0 or self.steps < MOST_STEPS)

    def _take(self, choice: _Choice, sign: int) -> None:
        for pool, most in choice.needs:
            self.rooms[pool] = self.rooms.get(pool, 0) - sign * most
