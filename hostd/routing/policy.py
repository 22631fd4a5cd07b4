"""What a routing policy is asked and what it answers.

A policy is one file: it looks at a query and at the targets that are left, keeps some in the order in which they are to be
tried, and says of each other target why it is dropped. Policies decide by what they are given; none waits or reads a clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Protocol

from hostd.domain.model_choice import Difficulty
from hostd.domain.offer import Offer
from hostd.domain.principal import ANONYMOUS, Principal, Privacy
from hostd.domain.profile import Role
from hostd.domain.ticket import Requirements, Target
from hostd.routing.features import Features

_NO_FACTS: Mapping[str, str] = MappingProxyType({})
_NO_OFFERS: Mapping[str, Offer] = MappingProxyType({})


class RouteQuery(NamedTuple):
    """What is known of a request before it is routed. A tuple, since one is made for each request.

    *privacy* is what the request itself asks for; that of its sender and of the profile count besides. *tokens* is how
    long the prompt is at least (0: not counted), and *facts* are what classifiers found in it. *kept_here* says why it is
    private, where a scan has found that. *features* are known where the role that is asked for routes by
    content, and *offers* of its models where it chooses by price.
    """

    asked: str
    requirements: Requirements = Requirements()
    principal: Principal = ANONYMOUS
    privacy: Privacy = Privacy.ANY
    tokens: int = 0
    facts: Mapping[str, str] = _NO_FACTS
    kept_here: str = ""
    features: Features | None = None
    offers: Mapping[str, Offer] = _NO_OFFERS

    @property
    def private(self) -> bool:
        """Whether the request or its sender keeps the prompt on this machine, whatever the profile says."""
        return self.privacy is Privacy.LOCAL or self.principal.privacy is Privacy.LOCAL


@dataclass(frozen=True, slots=True)
class Dropped:
    """A target that may not answer, and *why* (a clause). *code* and *status* are those of the error where none is left.

    One that *would_do* stays nevertheless where no other target is left.
    """

    target: Target
    why: str
    code: str = "unfit"
    status: int = 400
    would_do: bool = False


class Ranked(NamedTuple):
    """The targets that a policy keeps, in the order in which they are to be tried, and those that it drops.

    *why* is the step of routing that has moved one of them to the first place; empty where none has. *difficulty* is that of the
    request or of its conversation, where it was assessed, and *meanwhile* a model that may be loaded while another one answers.
    """

    kept: tuple[Target, ...]
    dropped: tuple[Dropped, ...] = ()
    why: str = ""
    difficulty: Difficulty | None = None
    meanwhile: str | None = None


class RoutePolicy(Protocol):
    """One step of routing."""

    def apply(self, query: RouteQuery, targets: Sequence[Target], role: Role | None, now: float) -> Ranked:
        """Return which of *targets* may answer *query* at *now* (seconds on the scheduler's clock).

        *role* is the role that was asked for, None where it was a profile.
        """


def split(targets: Sequence[Target], dropped: Mapping[str, Dropped]) -> Ranked:
    """Return *targets* without those that are *dropped*, by the name of their model."""
    return Ranked(
        tuple(target for target in targets if target.model not in dropped),
        tuple(dropped[target.model] for target in targets if target.model in dropped),
    )
