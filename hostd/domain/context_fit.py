"""What becomes of a request that is longer than the context of every model that may answer it."""

from dataclasses import dataclass
from enum import StrEnum


class Overflow(StrEnum):
    """Whether such a request is made to fit, or refused."""

    FIT = "fit"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class FitSettings:
    """With *overflow* ``fit``, the oldest results of tools are cut, then the profile *summary* sums up the rest (None: nobody)."""

    overflow: Overflow = Overflow.FIT
    summary: str | None = None
