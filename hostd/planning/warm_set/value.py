"""What a warm set is worth: the one definition that the solver maximises, its tests check, and explanations quote.

Sets are compared by these, the first difference decides:

1. the worth of the pinned models that are warm, then of the others, and within both of higher priority before lower;
   the worth of models of one priority is the sum over them of `WARM` + min(`MOST_SAVED`, demand x load seconds);
2. the quality of the variants: the sum of their ranks, the lower the better;
3. the placement: the sum of the cards beyond the first of each model, where the host alone counts as the slowest, and a model
   for which tokens could be drafted, and are not, as slower than one on many cards.

All of it is one integer, so that equal sets are equal everywhere and nothing depends on rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hostd.domain.units import format_duration
from hostd.planning.warm_set.load_option import UNMEASURED_LOAD, LoadOption

WARM = 60
"""What a warm model without requests is worth: as much as a minute's waiting in an hour."""

MOST_SAVED = 3_600
"""Seconds of waiting in an hour that keeping one model warm saves at most: the hour."""

_RANK = 1_000
_HOST_ALONE = 500
_NO_DRAFT = 20


@dataclass(frozen=True, slots=True)
class WarmCandidate:
    """A model that should be warm: its *options*, best first, the owner's *priority*, and whether it comes before all others.

    *demand* is how many requests per hour are expected now, and *load_seconds* how long each would wait for a cold start.
    """

    name: str
    options: Sequence[LoadOption]
    priority: int = 50
    pinned: bool = False
    demand: float = 0.0
    load_seconds: float = UNMEASURED_LOAD


class ValueScale:
    """Gives every option of a model its value among certain candidates; the value of a set is the sum."""

    def __init__(self, candidates: Sequence[WarmCandidate], most_demerit: int) -> None:
        """Scale for *candidates*, none of whose options is worse than *most_demerit* (see `demerit`)."""
        # Each rank weighs more than all lower ranks together, so one integer compares whole sets.
        unit = 1 + len(candidates) * most_demerit
        self._units: dict[tuple[bool, int], int] = {}
        for rank in sorted({_rank(each) for each in candidates}):
            self._units[rank] = unit
            unit += sum(unit * worth(each) for each in candidates if _rank(each) == rank)

    def value(self, candidate: WarmCandidate, option: LoadOption) -> int:
        """Return what a model adds to a set by being warm with *option*; above zero."""
        return self._units[_rank(candidate)] * worth(candidate) - demerit(option)


def worth(candidate: WarmCandidate) -> int:
    """Return what it is worth, among models of one priority, that a model is warm at all."""
    return WARM + round(saved_seconds(candidate))


def saved_seconds(candidate: WarmCandidate) -> float:
    """Return the seconds of waiting in an hour that the model saves by being warm."""
    return min(MOST_SAVED, max(0.0, candidate.demand * candidate.load_seconds))


def demerit(option: LoadOption) -> int:
    """Return by how much an option is worse than the best variant on one card; far less than any model is worth."""
    if option.gpu_layers == 0:
        return option.variant * _RANK + _HOST_ALONE
    slower = max(0, len(option.placement.devices) - 1) + _NO_DRAFT * option.foregoes_drafting
    return option.variant * _RANK + min(_HOST_ALONE - 1, slower)


def merit(candidate: WarmCandidate) -> str:
    """Return why a model is worth what it is, in words."""
    said = ["pinned"] if candidate.pinned else []
    said.append(f"priority {candidate.priority}")
    if saved := round(saved_seconds(candidate)):
        said.append(f"{format_duration(saved)} of waiting saved an hour")
    return ", ".join(said)


def _rank(candidate: WarmCandidate) -> tuple[bool, int]:
    return candidate.pinned, candidate.priority
