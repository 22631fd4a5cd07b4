"""The verdict on one model: whether it fits beside the loaded ones, and which of those are evicted for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from hostd.planning.warm_set.eviction import EvictionCandidate, best_load
from hostd.planning.warm_set.load_option import Bytes, LoadOption, excess, plus


class Verdict(StrEnum):
    """Whether a model fits on a host beside the models that are loaded there."""

    FITS = "fits"
    FITS_AFTER_EVICTING = "fits_after_evicting"
    DOES_NOT_FIT = "does_not_fit"
    CANNOT_SAY = "cannot_say"


@dataclass(frozen=True, slots=True)
class Fit:
    """A verdict: the option it is about, the models evicted for it, and by how much each pool is too small if it does not fit.

    *free* is the memory that the verdict counts with, after evicting. *waits* says that a model to evict is in use now.
    """

    verdict: Verdict
    option: LoadOption
    free: Bytes
    evict: tuple[str, ...] = ()
    short: Mapping[str, int] = field(default_factory=dict)
    waits: bool = False


def decide(options: Sequence[LoadOption], free: Bytes, candidates: Sequence[EvictionCandidate] = ()) -> Fit | None:
    """Return whether a model fits into *free* bytes, now or after evicting *candidates*; None where it has no option at all.

    The rule is the scheduler's own (`best_load`), with a clock at zero. An architecture that is not known has an upper bound
    and no promise, whatever the room: nothing can be said of it unless its weights alone are too large.
    """
    # What is known by its upper bound alone may load or not; a plan that says "fits" has to be right.
    promised = [each for each in options if each.footprint.promised]
    if plan := best_load(promised, free, candidates, 0.0):
        evict = tuple(each.name for each in plan.evict)
        verdict = Verdict.FITS_AFTER_EVICTING if evict else Verdict.FITS
        return Fit(verdict, plan.option, freed(free, plan.evict), evict, waits=plan.at > 0.0)
    if not options:
        return None
    emptied = freed(free, candidates)
    nearest = min(options, key=lambda each: sum(excess(each.most, emptied).values()))
    if not nearest.footprint.promised and not excess(nearest.least, emptied):
        return Fit(Verdict.CANNOT_SAY, nearest, emptied, short=excess(nearest.most, emptied))
    return Fit(Verdict.DOES_NOT_FIT, nearest, emptied, short=excess(nearest.most, emptied))


def freed(free: Bytes, evicted: Sequence[EvictionCandidate]) -> Bytes:
    """Return the bytes that are free once *evicted* are gone."""
    for each in evicted:
        free = plus(free, each.bytes)
    return free
