"""Which declared models are warm together: the set of the highest value (see `value`) that fits, and why the others are not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hostd.domain.host import Host
from hostd.domain.units import format_bytes
from hostd.planning.footprint.placement import Option, Rooms, Way, partial, whole
from hostd.planning.warm_set.knapsack import MOST_STEPS, pack
from hostd.planning.warm_set.left_out import LeftOut, Taken, lacking, left_out
from hostd.planning.warm_set.load_option import UNMEASURED_LOAD, Choice
from hostd.planning.warm_set.value import Scale, demerit, worth


@dataclass(frozen=True, slots=True)
class Wish:
    """A model that should be warm, the ways to serve it (best first), how much it matters, and whether it may be evicted.

    *demand* is how many requests an hour are expected now, and *load_seconds* how long each would wait for a cold start.
    """

    name: str
    ways: Sequence[Way]
    priority: int = 50
    pinned: bool = False
    demand: float = 0.0
    load_seconds: float = UNMEASURED_LOAD


@dataclass(frozen=True, slots=True)
class Wanted:
    """The same as a `Wish`, for one who knows the concrete *choices* (best first) instead of ways."""

    name: str
    choices: Sequence[Choice]
    priority: int = 50
    pinned: bool = False
    demand: float = 0.0
    load_seconds: float = UNMEASURED_LOAD


@dataclass(frozen=True, slots=True)
class WarmSet:
    """The models that fit together, each with its placement; *proved* says that no other placement of them does better.

    *left_out* has the others, the most important first.
    """

    options: Mapping[str, Option]
    proved: bool
    left_out: tuple[LeftOut, ...] = ()

    def room_left(self, rooms: Rooms) -> dict[str, int]:
        """Return what is left of *rooms* beside the set."""
        left = dict(rooms)
        for option in self.options.values():
            for pool, most in option.needs.items():
                left[pool] = left.get(pool, 0) - most
        return left


@dataclass(frozen=True, slots=True)
class Chosen:
    """The same as a `WarmSet`, of choices; *steps* is what the search has cost."""

    choices: Mapping[str, Choice]
    proved: bool
    left_out: tuple[LeftOut, ...] = ()
    steps: int = 0


def choose(wishes: Sequence[Wish], host: Host, rooms: Rooms) -> WarmSet:
    """Return the set of *wishes* of the highest value that fits into *rooms* together; names are distinct.

    A wish may be split between cards and host only where it would not fit on the cards of an empty machine. The order of
    wishes does not matter.
    """
    options = {wish.name: _options(wish, host, rooms) for wish in wishes}
    wanted = [
        Wanted(
            wish.name,
            [choice for choice, _ in options[wish.name]],
            wish.priority,
            wish.pinned,
            wish.demand,
            wish.load_seconds,
        )
        for wish in wishes
    ]
    chosen = choose_among(wanted, rooms)
    found = {
        name: next(option for choice, option in options[name] if choice is picked)
        for name, picked in chosen.choices.items()
    }
    ways = {wish.name: wish.ways for wish in wishes}
    unserved = {name: _unserved(name, ways[name], host, rooms) for name, choices in options.items() if not choices}
    omitted = (replace(each, why=unserved.get(each.name, each.why)) for each in chosen.left_out)
    return WarmSet(found, chosen.proved, tuple(omitted))


def choose_among(wanted: Sequence[Wanted], rooms: Rooms, most_steps: int = MOST_STEPS) -> Chosen:
    """Return the set of *wanted* of the highest value that fits into *rooms* together, as `choose` does.

    After *most_steps* of search (some ten thousand a second) the best found so far is taken without proof.
    What a choice takes only while it loads is not reckoned with: the models of the set are loaded one after the other.
    """
    ordered = sorted(wanted, key=lambda each: (not each.pinned, -each.priority, -worth(each), each.name))
    allowed = [_allowed(each.choices, rooms) for each in ordered]
    pools = sorted({*rooms, *(pool for choices in allowed for choice in choices for pool in choice.needs)})
    scale = Scale(ordered, max((demerit(choice) for choices in allowed for choice in choices), default=0))
    items = [
        [(scale.value(each, choice), tuple(choice.needs.get(pool, 0) for pool in pools)) for choice in choices]
        for each, choices in zip(ordered, allowed, strict=True)
    ]
    packing = pack(items, tuple(max(0, rooms.get(pool, 0)) for pool in pools), most_steps)
    picked = list(zip(ordered, allowed, packing.picks, strict=True))
    warm = [Taken(each.name, each, choices[pick]) for each, choices, pick in picked if pick is not None]
    omitted = [left_out(each.name, each, choices, rooms, warm) for each, choices, pick in picked if pick is None]
    return Chosen({each.name: each.choice for each in warm}, packing.proved, tuple(omitted), packing.steps)


def _options(wish: Wish, host: Host, rooms: Rooms) -> list[tuple[Choice, Option]]:
    """Return the placements of a wish that can be promised: those in part on the host only where it must be."""
    found: list[tuple[Choice, Option]] = []
    for find in (whole, partial):
        found += [
            (Choice(rank, way.label, option.placement, option.gpu_layers, option.needs), option)
            for rank, way in enumerate(wish.ways)
            for option in find(way, host, rooms)
            if not option.footprint.bounded_only
        ]
        if any(option.fits(rooms) for _, option in found):
            break
    return found


def _allowed(choices: Sequence[Choice], rooms: Rooms) -> Sequence[Choice]:
    """Return the choices without those in part on the host, unless none of the others would fit on the empty machine."""
    complete = [choice for choice in choices if choice.gpu_layers is None]
    return complete if any(not lacking(choice, rooms) for choice in complete) else choices


def _unserved(name: str, ways: Sequence[Way], host: Host, rooms: Rooms) -> str:
    """Return why a model has no placement that can be promised."""
    if not ways:
        return f"no engine can serve {name} on this machine"
    bounds = [option for find in (whole, partial) for way in ways for option in find(way, host, rooms)]
    if bounds:
        most = format_bytes(min(sum(option.needs.values()) for option in bounds))
        return (
            f"{name} cannot be promised to fit: its architecture is not known to this version. It takes {most} at the very "
            "most; a load on this machine would tell"
        )
    said = dict.fromkeys(way.why_not(host.accelerators) or f"{way.backend} has no place for it here" for way in ways)
    return f"no engine can serve {name} on this machine: {'; '.join(said)}"
