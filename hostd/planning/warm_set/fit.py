"""Does it fit? The verdict on one model, and the least that must go to make room for it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations

from hostd.domain.host import Host
from hostd.planning.footprint.placement import FreeBytes, PlacedMode, ServingMode, full_offload, partial_offload

MOST_TRIED = 12
"""Residents of which every combination is tried; of more, the largest go first."""

Find = Callable[[ServingMode, Host, FreeBytes], Iterator[PlacedMode]]


class Verdict(StrEnum):
    """Whether a model fits on a machine beside what is there."""

    FITS = "fits"
    FITS_AFTER_EVICTING = "fits_after_evicting"
    DOES_NOT_FIT = "does_not_fit"


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that is loaded (or will be) and could go, and what it holds, by pool id."""

    name: str
    held: Mapping[str, int]

    @property
    def bytes(self) -> int:
        """All that it holds."""
        return sum(self.held.values())


@dataclass(frozen=True, slots=True)
class Fit:
    """A verdict: the best placement found, what must go for it, and by how much each pool is too small if it does not fit.

    *rooms* is the room that the verdict reckons with, after evicting.
    """

    verdict: Verdict
    option: PlacedMode
    rooms: FreeBytes
    evict: tuple[str, ...] = ()
    short: Mapping[str, int] = field(default_factory=dict)


def decide(modes: Sequence[ServingMode], host: Host, free: FreeBytes, loaded: Sequence[LoadedModel] = ()) -> Fit | None:
    """Return whether the best of *modes* fits into *free*; None where the machine has no place for any of them.

    The high end of each footprint is compared. In order of preference: all of it where the machine is fastest; that, once
    idle residents are gone; some layers on the host; that, once idle residents are gone. Within each, the best way first.
    """
    for find in (full_offload, partial_offload):
        if option := _first(find, modes, host, free):
            return Fit(Verdict.FITS, option, free)
        if gone := cheapest(find, modes, host, free, loaded):
            room = freed(free, gone)
            option = _first(find, modes, host, room)
            if option:
                return Fit(Verdict.FITS_AFTER_EVICTING, option, room, tuple(each.name for each in gone))
    emptied = freed(free, loaded)
    options = [
        option for find in (full_offload, partial_offload) for mode in modes for option in find(mode, host, emptied)
    ]
    if not options:
        return None
    nearest = min(options, key=lambda option: sum(option.excess(emptied).values()))
    return Fit(Verdict.DOES_NOT_FIT, nearest, emptied, short=nearest.excess(emptied))


def cheapest(
    find: Find, modes: Sequence[ServingMode], host: Host, free: FreeBytes, loaded: Sequence[LoadedModel]
) -> tuple[LoadedModel, ...]:
    """Return the fewest residents that must go, and of so many the smallest; empty where not even all of them suffice."""
    if not loaded or not _first(find, modes, host, freed(free, loaded)):
        return ()
    if len(loaded) > MOST_TRIED:
        largest = sorted(loaded, key=lambda each: -each.bytes)
        counts = range(1, len(largest) + 1)
        return next(
            tuple(largest[:count]) for count in counts if _first(find, modes, host, freed(free, largest[:count]))
        )
    for count in range(1, len(loaded) + 1):
        for gone in sorted(combinations(loaded, count), key=lambda gone: sum(each.bytes for each in gone)):
            if _first(find, modes, host, freed(free, gone)):
                return gone
    return ()


def freed(free: FreeBytes, gone: Sequence[LoadedModel]) -> dict[str, int]:
    """Return the room once residents are gone."""
    room = dict(free)
    for each in gone:
        for pool, held in each.held.items():
            room[pool] = room.get(pool, 0) + held
    return room


def _first(find: Find, modes: Sequence[ServingMode], host: Host, free: FreeBytes) -> PlacedMode | None:
    found = (option for mode in modes for option in find(mode, host, free) if option.fits(free))
    return next(found, None)
