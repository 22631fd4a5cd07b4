"""Which declared models are warm together: the set of the highest value (see `value`) that fits, and why the others are not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hostd.domain.host import Host
from hostd.domain.units import format_bytes
from hostd.planning.footprint.placement import FreeBytes, PlacedMode, ServingMode, full_offload, partial_offload
from hostd.planning.warm_set.knapsack import MOST_STEPS, pack
from hostd.planning.warm_set.left_out import Rejection, WarmModel, lacking, left_out
from hostd.planning.warm_set.load_option import UNMEASURED_LOAD, LoadOption
from hostd.planning.warm_set.value import ValueScale, demerit, worth


@dataclass(frozen=True, slots=True)
class ModeCandidate:
    """A model that should be warm, the ways to serve it (best first), how much it matters, and whether it may be evicted.

    *demand* is how many requests an hour are expected now, and *load_seconds* how long each would wait for a cold start.
    """

    name: str
    modes: Sequence[ServingMode]
    priority: int = 50
    pinned: bool = False
    demand: float = 0.0
    load_seconds: float = UNMEASURED_LOAD


@dataclass(frozen=True, slots=True)
class WarmCandidate:
    """The same as a `ModeCandidate`, for one who knows the concrete *choices* (best first) instead of ways."""

    name: str
    options: Sequence[LoadOption]
    priority: int = 50
    pinned: bool = False
    demand: float = 0.0
    load_seconds: float = UNMEASURED_LOAD


@dataclass(frozen=True, slots=True)
class PlacedWarmSet:
    """The models that fit together, each with its placement; *proved* says that no other placement of them does better.

    *left_out* has the others, the most important first.
    """

    options: Mapping[str, PlacedMode]
    proved: bool
    left_out: tuple[Rejection, ...] = ()

    def room_left(self, free: FreeBytes) -> dict[str, int]:
        """Return what is left of *free* beside the set."""
        left = dict(free)
        for option in self.options.values():
            for pool, most in option.needs.items():
                left[pool] = left.get(pool, 0) - most
        return left


@dataclass(frozen=True, slots=True)
class WarmSet:
    """The same as a `PlacedWarmSet`, of choices; *steps* is what the search has cost."""

    options: Mapping[str, LoadOption]
    proved: bool
    left_out: tuple[Rejection, ...] = ()
    steps: int = 0


def choose_modes(wishes: Sequence[ModeCandidate], host: Host, free: FreeBytes) -> PlacedWarmSet:
    """Return the set of *wishes* of the highest value that fits into *free* together; names are distinct.

    A wish may be split between cards and host only where it would not fit on the cards of an empty machine. The order of
    wishes does not matter.
    """
    options = {wish.name: _options(wish, host, free) for wish in wishes}
    wanted = [
        WarmCandidate(
            wish.name,
            [choice for choice, _ in options[wish.name]],
            wish.priority,
            wish.pinned,
            wish.demand,
            wish.load_seconds,
        )
        for wish in wishes
    ]
    chosen = choose_warm_set(wanted, free)
    found = {
        name: next(option for choice, option in options[name] if choice is picked)
        for name, picked in chosen.options.items()
    }
    modes = {wish.name: wish.modes for wish in wishes}
    unserved = {name: _unserved(name, modes[name], host, free) for name, choices in options.items() if not choices}
    omitted = (replace(each, why=unserved.get(each.name, each.why)) for each in chosen.left_out)
    return PlacedWarmSet(found, chosen.proved, tuple(omitted))


def choose_warm_set(wanted: Sequence[WarmCandidate], free: FreeBytes, most_steps: int = MOST_STEPS) -> WarmSet:
    """Return the set of *wanted* of the highest value that fits into *free* together, as `choose` does.

    After *most_steps* of search (some ten thousand a second) the best found so far is taken without proof.
    What a choice takes only while it loads is not reckoned with: the models of the set are loaded one after the other.
    """
    ordered = sorted(wanted, key=lambda each: (not each.pinned, -each.priority, -worth(each), each.name))
    allowed = [_allowed(each.options, free) for each in ordered]
    pools = sorted({*free, *(pool for options in allowed for option in options for pool in option.needs)})
    scale = ValueScale(ordered, max((demerit(option) for options in allowed for option in options), default=0))
    items = [
        [(scale.value(each, option), tuple(option.needs.get(pool, 0) for pool in pools)) for option in options]
        for each, options in zip(ordered, allowed, strict=True)
    ]
    packing = pack(items, tuple(max(0, free.get(pool, 0)) for pool in pools), most_steps)
    picked = list(zip(ordered, allowed, packing.picks, strict=True))
    warm = [WarmModel(each.name, each, options[pick]) for each, options, pick in picked if pick is not None]
    omitted = [left_out(each.name, each, options, free, warm) for each, options, pick in picked if pick is None]
    return WarmSet({each.name: each.choice for each in warm}, packing.proved, tuple(omitted), packing.steps)


def _options(wish: ModeCandidate, host: Host, free: FreeBytes) -> list[tuple[LoadOption, PlacedMode]]:
    """Return the placements of a wish that can be promised: those in part on the host only where it must be."""
    found: list[tuple[LoadOption, PlacedMode]] = []
    for find in (full_offload, partial_offload):
        found += [
            (LoadOption(rank, mode.label, option.placement, option.gpu_layers, option.needs), option)
            for rank, mode in enumerate(wish.modes)
            for option in find(mode, host, free)
            if not option.footprint.bounded_only
        ]
        if any(option.fits(free) for _, option in found):
            break
    return found


def _allowed(options: Sequence[LoadOption], free: FreeBytes) -> Sequence[LoadOption]:
    """Return the choices without those in part on the host, unless none of the others would fit on the empty machine."""
    complete = [option for option in options if option.gpu_layers is None]
    return complete if any(not lacking(option, free) for option in complete) else options


def _unserved(name: str, modes: Sequence[ServingMode], host: Host, free: FreeBytes) -> str:
    """Return why a model has no placement that can be promised."""
    if not modes:
        return f"no engine can serve {name} on this machine"
    bounds = [option for find in (full_offload, partial_offload) for mode in modes for option in find(mode, host, free)]
    if bounds:
        most = format_bytes(min(sum(option.needs.values()) for option in bounds))
        return (
            f"{name} cannot be promised to fit: its architecture is not known to this version. It takes {most} at the very "
            "most; a load on this machine would tell"
        )
    said = dict.fromkeys(
        mode.why_not(host.accelerators) or f"{mode.backend} has no place for it here" for mode in modes
    )
    return f"no engine can serve {name} on this machine: {'; '.join(said)}"
