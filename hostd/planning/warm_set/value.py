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
from hostd.planning.warm_set.load_option import Choice

BEING_THERE = 60
"""What a warm model is worth though nobody asks for it: as much as a minute's waiting in an hour."""

MOST_SAVED = 3_600
"""Seconds of waiting in an hour that keeping one model warm saves at most: the hour."""

_RANK = 1_000
_HOST_ALONE = 500


class Claim(Protocol):
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


class Scale:
    """Gives every choice of a model its value among certain claims; the value of a set is the sum."""

    def __init__(self, claims: Sequence[Claim], most_demerit: int) -> None:
        """Set up for *claims*, none of whose choices is worse than *most_demerit* (see `demerit`)."""
        unit = 1 + len(claims) * most_demerit
        self._units: dict[tuple[bool, int], int] = {}
        for rank in sorted({_rank(claim) for claim in claims}):
            self._units[rank] = unit
            unit += sum(unit * worth(claim) for claim in claims if _rank(claim) == rank)

    def value(self, claim: Claim, choice: Choice) -> int:
        """Return what it adds to a set that the model is warm in that way; above zero."""
        return self._units[_rank(claim)] * worth(claim) - demerit(choice)


def worth(claim: Claim) -> int:
    """Return what it is worth, among models of one priority, that a model is warm at all."""
    return BEING_THERE + round(saved_seconds(claim))


def saved_seconds(claim: Claim) -> float:
    """Return the seconds of waiting in an hour that the model saves by being warm."""
    return min(MOST_SAVED, max(0.0, claim.demand * claim.load_seconds))


def demerit(choice: Choice) -> int:
    """Return by how much a choice is worse than the best variant on one card; far less than any model is worth."""
    if choice.gpu_layers == 0:
        return choice.variant * _RANK + _HOST_ALONE
    return choice.variant * _RANK + min(_HOST_ALONE - 1, max(0, len(choice.placement.devices) - 1))


def merit(claim: Claim) -> str:
    """Return why a model is worth what it is, in words."""
    said = ["pinned"] if claim.pinned else []
    said.append(f"priority {claim.priority}")
    if saved := round(saved_seconds(claim)):
        said.append(f"{format_duration(saved)} of waiting saved an hour")
    return ", ".join(said)


def _rank(claim: Claim) -> tuple[bool, int]:
    return claim.pinned, claim.priority
