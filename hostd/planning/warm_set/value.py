"""What a warm set is worth: the one definition that the solver maximises, its tests check, and explanations quote.

Sets are compared by these, the first difference decides:

1. the worth of the pinned models that are warm, then of the others, and within both of higher priority before lower;
   the worth of models of one priority is the sum over them of `BEING_THERE` + min(`MOST_SAVED`, demand x load seconds);
2. the quality of the variants: the sum of their ranks, the lower the better;
3. the placement: the sum of the cards beyond the first of each model, where the host alone counts as the slowest.

All of it is one integer, so that equal sets are equal everywhere and nothing depends on rounding.
"""

from collections.abc import Sequence
from typing import Protocol

from hostd.domain.units import format_duration
from hostd.planning.warm_set.load_option import LoadOption

BEING_THERE = 60
"""What a warm model is worth though nobody asks for it: as much as a minute's waiting in an hour."""

MOST_SAVED = 3_600
"""Seconds of waiting in an hour that keeping one model warm saves at most: the hour."""

_RANK = 1_000
_HOST_ALONE = 500


class WarmValue(Protocol):
    """A model that wants to be warm: requests an hour that are expected, and the seconds that each would wait for a load."""

    @property
    def priority(self) -> int:
        """The owner's word on how much it matters."""

    @property
    def pinned(self) -> bool:
        """Whether it comes before all that are not."""

    @property
    def demand(self) -> float:
        """Requests an hour that are expected now."""

    @property
    def load_seconds(self) -> float:
        """How long a cold start takes."""


class ValueScale:
    """Gives every choice of a model its value among certain claims; the value of a set is the sum."""

    def __init__(self, pending_loads: Sequence[WarmValue], most_demerit: int) -> None:
        """Set up for *pending_loads*, none of whose choices is worse than *most_demerit* (see `demerit`)."""
        unit = 1 + len(pending_loads) * most_demerit
        self._units: dict[tuple[bool, int], int] = {}
        for rank in sorted({_rank(pending) for pending in pending_loads}):
            self._units[rank] = unit
            unit += sum(unit * worth(pending) for pending in pending_loads if _rank(pending) == rank)

    def value(self, pending: WarmValue, option: LoadOption) -> int:
        """Return what it adds to a set that the model is warm in that way; above zero."""
        return self._units[_rank(pending)] * worth(pending) - demerit(option)


def worth(pending: WarmValue) -> int:
    """Return what it is worth, among models of one priority, that a model is warm at all."""
    return BEING_THERE + round(saved_seconds(pending))


def saved_seconds(pending: WarmValue) -> float:
    """Return the seconds of waiting in an hour that the model saves by being warm."""
    return min(MOST_SAVED, max(0.0, pending.demand * pending.load_seconds))


def demerit(option: LoadOption) -> int:
    """Return by how much a choice is worse than the best variant on one card; far less than any model is worth."""
    if option.gpu_layers == 0:
        return option.variant * _RANK + _HOST_ALONE
    return option.variant * _RANK + min(_HOST_ALONE - 1, max(0, len(option.placement.devices) - 1))


def merit(pending: WarmValue) -> str:
    """Return why a model is worth what it is, in words."""
    said = ["pinned"] if pending.pinned else []
    said.append(f"priority {pending.priority}")
    if saved := round(saved_seconds(pending)):
        said.append(f"{format_duration(saved)} of waiting saved an hour")
    return ", ".join(said)


def _rank(pending: WarmValue) -> tuple[bool, int]:
    return pending.pinned, pending.priority
